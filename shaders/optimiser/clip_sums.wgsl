// The first of three steps that clip gradients, each tensor's to a norm, see clip_factors and clip: the sum of the squares of each
// block of 64 values. squares[b] = sum of g^2.
// gradients [length]; squares: one for each block.
#import grid
#import tree_sums

struct Params {
    length: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> squares: array<f32>;

// Invocations of a block: one for 4 values.
const TEAM: u32 = 16u;
const WORKGROUP: u32 = 256u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * WORKGROUP + lane;
    var own = vec4<f32>(0.0);
    if at < params.length {
        let g = gradients[at];
        own.x = dot(g, g);
    }
    let sum = tree_sum(lane, lane % TEAM, TEAM, 1u, own);
    if lane % TEAM == 0u && at < params.length {
        squares[at / TEAM] = sum.x;
    }
}
