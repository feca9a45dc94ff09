// The sums of a dense convolution for 4 columns of 2 output groups, so that each weight that is loaded serves 4 outputs and each
// input 2: of columns x to x + 3 of row y in image n, the 4 of group `first`, then the 4 of `second`. Columns beyond the last are
// computed and not to be stored.
// The kernel declares `params`, input [n][h][w][inputs] and weights [kernel][kernel][inputs][outputs], in units of 4 channels.
#import convolution

fn dense_tile(n: u32, y: u32, x: u32, first: u32, second: u32) -> array<vec4<f32>, 8> {
    var sums: array<vec4<f32>, 8>;
    #unroll o 8
        sums[o] = vec4<f32>(0.0);
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
    return sums;
}
