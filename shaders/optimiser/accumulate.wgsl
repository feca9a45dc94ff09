// The sum of the gradients of a batch's parts, or of several batches, each with its share: sum = share * g for the first of them,
// sum += share * g for the others.
// gradients, sum [length].
#import grid
#import step

struct Params {
    length: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> step: Step;
@group(0) @binding(2) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> sum: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 256u + lane;
    if at >= params.length {
        return;
    }
    // What was there before may be anything, even not finite.
    let before = select(sum[at], vec4<f32>(0.0), step.decay != 0.0);
    sum[at] = before + gradients[at] * step.share;
}
