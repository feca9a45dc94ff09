// Dense convolution, used for the 3x3 stem: output[n, y, x, o] =
//   activate(bias[o] + sum over i, j, c of input[n, y S + i - pad_y, x S + j - pad_x, c] weights[i, j, c, o]).
// input [n][h][w][inputs], weights [kernel][kernel][inputs][outputs], output [n][oh][ow][outputs]; units of 4 channels.
// An invocation makes 4 columns of 2 output groups, so that each weight that it loads serves 4 outputs and each input 2.
#import storage
#import grid
#import activation
#import convolution

override HAS_BIAS: bool = false;

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<Value>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pairs = (params.outputs + 1u) / 2u;
    let across = (params.out_width + 3u) / 4u;
    var rest = linear_group(group_id, grid) * 64u + lane;
    let first = (rest % pairs) * 2u;
    rest /= pairs;
    let x = (rest % across) * 4u;
    rest /= across;
    let y = rest % params.out_height;
    let n = rest / params.out_height;
    if n >= params.batch {
        return;
    }
    // Beyond the edge the last group is computed once more, and not stored.
    let second = min(first + 1u, params.outputs - 1u);
    var sums: array<vec4<f32>, 8>;
    #unroll o 4
        sums[o] = vec4<f32>(0.0);
        sums[o + 4u] = vec4<f32>(0.0);
        if HAS_BIAS {
            sums[o] = bias[first];
            sums[o + 4u] = bias[second];
        }
    #end
    let last_column = i32(params.in_width) - 1;
    for (var i = 0u; i < params.kernel; i += 1u) {
        let row = i32(y * params.stride + i) - i32(params.pad_y);
        if row < 0 || row >= i32(params.in_height) {
            continue;
        }
        let line = (n * params.in_height + u32(row)) * params.in_width;
        for (var j = 0u; j < params.kernel; j += 1u) {
            let left = i32(x * params.stride + j) - i32(params.pad_x);
            for (var c = 0u; c < params.inputs; c += 1u) {
                var values: array<vec4<f32>, 4>;
                #unroll o 4
                    let column = left + i32(o * params.stride);
                    let value = from_value(input[(line + u32(clamp(column, 0, last_column))) * params.inputs + c]);
                    values[o] = select(vec4<f32>(0.0), value, column >= 0 && column <= last_column);
                #end
                let w = (((i * params.kernel + j) * params.inputs + c) * 4u) * params.outputs;
                #unroll part 4
                    let a = from_weight(weights[w + part * params.outputs + first]);
                    let b = from_weight(weights[w + part * params.outputs + second]);
                    #unroll o 4
                        sums[o] += values[o][part] * a;
                        sums[o + 4u] += values[o][part] * b;
                    #end
                #end
            }
        }
    }
    #unroll o 4
        if x + o < params.out_width {
            let at = ((n * params.out_height + y) * params.out_width + x + o) * params.outputs;
            output[at + first] = to_value(activate(sums[o]));
            if first + 1u < params.outputs {
                output[at + second] = to_value(activate(sums[o + 4u]));
            }
        }
    #end
}
