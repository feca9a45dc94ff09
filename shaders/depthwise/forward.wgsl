// Depthwise convolution: output[n, y, x, c] =
//   activate(bias[c] + sum over i, j of operand(input[n, y S + i - pad_y, x S + j - pad_x, c]) weights[i, j, c]).
// input [n][h][w][channels], weights [kernel][kernel][channels], output [n][oh][ow][channels]; units of 4 channels.
// An invocation makes 4 columns of a row of one channel group, so that each input and each weight that it loads
// serves several outputs; see also depthwise/forward_walk. FLIPPED turns the filter around, which makes it the data gradient at stride 1.
#import storage
#import grid
#import activation
#import operand
#import convolution

override HAS_BIAS: bool = false;
override FLIPPED: bool = false;

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<Value>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.outputs;
    let across = (params.out_width + 3u) / 4u;
    var rest = linear_group(group_id, grid) * 64u + lane;
    let channel = rest % channels;
    rest /= channels;
    let x = (rest % across) * 4u;
    rest /= across;
    let y = rest % params.out_height;
    let n = rest / params.out_height;
    if n >= params.batch {
        return;
    }
    let affine = affine_of(channel, channels);
    var start = vec4<f32>(0.0);
    if HAS_BIAS {
        start = bias[channel];
    }
    var sums: array<vec4<f32>, 4>;
    #unroll o 4
        sums[o] = start;
    #end
    let top = i32(y * STRIDE) - i32(params.pad_y);
    let left = i32(x * STRIDE) - i32(params.pad_x);
    let last_row = i32(params.in_height) - 1;
    let last_column = i32(params.in_width) - 1;
    // Not unrolled: the text would be many times as long, and compilers take time for it.
    for (var i = 0u; i < KERNEL; i += 1u) {
        let row = top + i32(i);
        if row < 0 || row > last_row {
            continue;
        }
        let line = (n * params.in_height + u32(row)) * params.in_width;
        var values: array<vec4<f32>, COLUMNS>;
        #unroll j COLUMNS
            let column = left + i32(j);
            // Padding is zero after normalisation and activation.
            let loaded = from_value(input[(line + u32(clamp(column, 0, last_column))) * channels + channel]);
            let value = operand_of(loaded, affine);
            values[j] = select(vec4<f32>(0.0), value, column >= 0 && column <= last_column);
        #end
        #unroll j KERNEL
            var tap = i * KERNEL + j;
            if FLIPPED {
                tap = KERNEL * KERNEL - 1u - tap;
            }
            let w = from_weight(weights[tap * channels + channel]);
            #unroll o 4
                sums[o] += values[o * STRIDE + j] * w;
            #end
        #end
    }
    // A copy that a loop may index leaves the sums themselves in registers.
    var ends = sums;
    for (var k = 0u; k < 4u; k += 1u) {
        let column = x + k;
        if column < params.out_width {
            let pixel = (n * params.out_height + y) * params.out_width + column;
            output[pixel * channels + channel] = to_value(activate_by(params.activation, params.slope, ends[k]));
        }
    }
}
