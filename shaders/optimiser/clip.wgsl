// The last of three steps that clip gradients: g *= factor of its block.
// gradients [length]; factors, of clip_factors: one for each block of 64 values.
#import grid

struct Params {
    length: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> factors: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradients: array<vec4<f32>>;

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
    let factor = factors[at / 16u];
    // Most tensors are usually left as they are.
    if factor != 1.0 {
        gradients[at] *= factor;
    }
}
