// The second of three steps that clip gradients: the factor of each tensor, 1 where its norm is at most `limit` and limit / norm
// otherwise, as Paddle's ClipGradByNorm has it, for each of its blocks. A workgroup has a tensor.
// tensors: first block and number of blocks; sums, of clip_sums, and factors: one for each block.
#import grid

struct Params {
    tensors: u32,
    limit: f32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> tensors: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> factors: array<f32>;

var<workgroup> partial: array<f32, 256>;

@compute @workgroup_size(256)
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
    var sum = 0.0;
    for (var block = lane; block < tensor.y; block += 256u) {
        sum += sums[tensor.x + block];
    }
    partial[lane] = sum;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if lane < half {
            partial[lane] += partial[lane + half];
        }
        workgroupBarrier();
    }
    let norm = sqrt(partial[0]);
    var factor = 1.0;
    if norm > params.limit {
        factor = params.limit / norm;
    }
    for (var block = lane; block < tensor.y; block += 256u) {
        factors[tensor.x + block] = factor;
    }
}
