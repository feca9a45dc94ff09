// Gradient of a dense convolution with respect to its weights, in slabs of output rows:
// partial[s][i][j][c][o] = sum over the rows (n, y) of slab s and all x of
//   input[n, y S + i - pad_y, x S + j - pad_x, c] output_gradient[n, y, x, o]; reduce/slabs adds the slabs; for the
// gradient see gradient_operand.
// Units of 4 channels; an invocation owns one tap of 4 x 4 channels in one slab.
#import storage
#import grid
#import convolution
#import gradient_operand

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> output: array<Value>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    var rest = linear_group(group_id, grid) * 64u + lane;
    let o = rest % params.outputs;
    rest /= params.outputs;
    let c = rest % params.inputs;
    rest /= params.inputs;
    let taps = params.kernel * params.kernel;
    let tap = rest % taps;
    let slab = rest / taps;
    if slab >= params.slabs {
        return;
    }
    let through = through_of(o, params.outputs);
    let i = tap / params.kernel;
    let j = tap % params.kernel;
    let rows = params.batch * params.out_height;
    let rows_per_slab = (rows + params.slabs - 1u) / params.slabs;
    let begin = slab * rows_per_slab;
    let end = min(begin + rows_per_slab, rows);
    var sums: array<vec4<f32>, 4>;
    for (var k = 0u; k < 4u; k += 1u) {
        sums[k] = vec4<f32>(0.0);
    }
    for (var at = begin; at < end; at += 1u) {
        let row = i32((at % params.out_height) * params.stride + i) - i32(params.pad_y);
        if row < 0 || row >= i32(params.in_height) {
            continue;
        }
        let line = ((at / params.out_height) * params.in_height + u32(row)) * params.in_width;
        for (var x = 0u; x < params.out_width; x += 1u) {
            let column = i32(x * params.stride + j) - i32(params.pad_x);
            if column < 0 || column >= i32(params.in_width) {
                continue;
            }
            let value = from_value(input[(line + u32(column)) * params.inputs + c]);
            let gradient = gradient_of((at * params.out_width + x) * params.outputs + o, through);
            sums[0] += value.x * gradient;
            sums[1] += value.y * gradient;
            sums[2] += value.z * gradient;
            sums[3] += value.w * gradient;
        }
    }
    let first = ((slab * taps + tap) * params.inputs + c) * 4u;
    for (var k = 0u; k < 4u; k += 1u) {
        partial[(first + k) * params.outputs + o] = sums[k];
    }
}
