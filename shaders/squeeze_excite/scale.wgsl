// Excitation: output[n, h, w, c] = input[n, h, w, c] * gate[n, c]. Units of 4 channels.
// Source: Hu et al., "Squeeze-and-Excitation Networks", arXiv 1709.01507.
#import grid

struct Params {
    length: u32,
    channels: u32,
    rows: u32,
    unused_0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;

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
    output[at] = input[at] * gate[image * params.channels + at % params.channels];
}
