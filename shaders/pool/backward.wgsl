// Gradient of the global average pool: input_gradient[n, h, w, c] = output_gradient[n, c] / (h w).
// Units of 4 channels.
#import storage
#import grid

struct Params {
    length: u32,
    channels: u32,
    rows: u32,
    unused_0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> input_gradient: array<Gradient>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 64u + lane;
    if at >= params.length {
        return;
    }
    let image = at / (params.channels * params.rows);
    let gradient = output_gradient[image * params.channels + at % params.channels];
    input_gradient[at] = to_gradient(gradient / f32(params.rows));
}
