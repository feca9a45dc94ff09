// An exponential moving average of a flat buffer: average = decay * average + rest * value, where rest = 1 - decay.
// values, average [length].
#import grid

struct Params {
    length: u32,
    decay: f32,
    rest: f32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> average: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 256u + lane;
    if at < params.length {
        average[at] = average[at] * params.decay + values[at] * params.rest;
    }
}
