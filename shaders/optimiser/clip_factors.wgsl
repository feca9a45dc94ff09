// The second of three steps that clip gradients: the factor of each tensor, 1 where its norm is at most `limit` and limit / norm
// otherwise, as Paddle's ClipGradByNorm has it, for each of its blocks. A workgroup has a tensor.
// tensors: first block and number of blocks; squares, of clip_sums, and factors: one for each block.
#import grid
#import tree_sums

struct Params {
    tensors: u32,
    limit: f32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> tensors: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> squares: array<f32>;
@group(0) @binding(3) var<storage, read_write> factors: array<f32>;

const WORKGROUP: u32 = 256u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = linear_group(group_id, grid);
    var tensor = tensors[min(number, params.tensors - 1u)];
    if number >= params.tensors {
        tensor.y = 0u;
    }
    var own = vec4<f32>(0.0);
    for (var block = lane; block < tensor.y; block += WORKGROUP) {
        own.x += squares[tensor.x + block];
    }
    _ = tree_sum(lane, lane, WORKGROUP, 1u, own);
    workgroupBarrier();
    let norm = sqrt(sums[0].x);
    var factor = 1.0;
    if norm > params.limit {
        factor = params.limit / norm;
    }
    for (var block = lane; block < tensor.y; block += WORKGROUP) {
        factors[tensor.x + block] = factor;
    }
}
