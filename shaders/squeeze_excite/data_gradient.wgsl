// Gradient of squeeze-excite with respect to its input, by both ways it takes:
// input_gradient[n, h, w, c] = output_gradient[n, h, w, c] * gate[n, c] + pool_gradient[n, c] / (h w).
// Units of 4 channels.
#import grid

struct Params {
    length: u32,
    channels: u32,
    rows: u32,
    unused_0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> pool_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4<f32>>;

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
    let of_image = (at / (params.channels * params.rows)) * params.channels + at % params.channels;
    input_gradient[at] = output_gradient[at] * gate[of_image] + pool_gradient[of_image] / f32(params.rows);
}
