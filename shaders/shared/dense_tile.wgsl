// The sums of a dense convolution for 4 columns of one output group, so that each weight that is loaded serves 4 outputs: of
// columns x to x + 3 of row y in image n. Columns beyond the last are computed and not to be stored.
// The kernel declares `params`, input [n][h][w][inputs] and weights [kernel][kernel][inputs][outputs], in units of 4 channels.
#import convolution

fn dense_tile(n: u32, y: u32, x: u32, channel: u32) -> array<vec4<f32>, 4> {
    var sums: array<vec4<f32>, 4>;
    #unroll o 4
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
                let w = (((i * params.kernel + j) * params.inputs + c) * 4u) * params.outputs + channel;
                let w0 = from_weight(weights[w]);
                let w1 = from_weight(weights[w + params.outputs]);
                let w2 = from_weight(weights[w + 2u * params.outputs]);
                let w3 = from_weight(weights[w + 3u * params.outputs]);
                #unroll o 4
                    let column = left + i32(o * params.stride);
                    let loaded = from_value(input[(line + u32(clamp(column, 0, last_column))) * params.inputs + c]);
                    let value = select(vec4<f32>(0.0), loaded, column >= 0 && column <= last_column);
                    sums[o] += value.x * w0 + value.y * w1 + value.z * w2 + value.w * w3;
                #end
            }
        }
    }
    return sums;
}
