// The first of three steps that clip gradients, each tensor's to a norm, see clip_factors and clip: the sum of the squares of each
// block of 64 values. sums[b] = sum of g^2.
// gradients [length]; sums: one for each block.
#import grid

struct Params {
    length: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

// Invocations of a block: one for 4 values.
const TEAM: u32 = 16u;

var<workgroup> partial: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 256u + lane;
    var squares = 0.0;
    if at < params.length {
        let g = gradients[at];
        squares = dot(g, g);
    }
    partial[lane] = squares;
    workgroupBarrier();
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        if lane % TEAM < half {
            partial[lane] += partial[lane + half];
        }
        workgroupBarrier();
    }
    if lane % TEAM == 0u && at < params.length {
        sums[at / TEAM] = partial[lane];
    }
}
