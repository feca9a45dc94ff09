// Adds slabs in order: output[i] = sum over s of partial[s][i].
// Fixed order, so the same device always gives the same bits.
#import grid

struct Params {
    length: u32,
    slabs: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;

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
    var sum = vec4<f32>(0.0);
    for (var slab = 0u; slab < params.slabs; slab += 1u) {
        sum += partial[slab * params.length + at];
    }
    output[at] = sum;
}
