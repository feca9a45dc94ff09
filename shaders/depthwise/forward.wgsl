// Depthwise convolution: output[n, y, x, c] =
//   activate(bias[c] + sum over i, j of input[n, y S + i - pad_y, x S + j - pad_x, c] weights[i, j, c]).
// input [n][h][w][c], weights [KERNEL][KERNEL][c], output [n][oh][ow][c]; units of 4 channels.
// An invocation makes 4 neighbouring columns of one channel group, so that they share loads.
// With FLIPPED the filter is turned by 180 degrees: the data gradient at stride 1.
#import grid
#import activation
#import convolution

override HAS_BIAS: bool = false;
override FLIPPED: bool = false;

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

const COLUMNS: u32 = 3u * STRIDE + KERNEL;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.outputs;
    let tiles = (params.out_width + 3u) / 4u;
    var rest = linear_group(group_id, grid) * 64u + lane;
    let channel = rest % channels;
    rest /= channels;
    let x = (rest % tiles) * 4u;
    rest /= tiles;
    let y = rest % params.out_height;
    let n = rest / params.out_height;
    if n >= params.batch {
        return;
    }
    var sums: array<vec4<f32>, 4>;
    var start = vec4<f32>(0.0);
    if HAS_BIAS {
        start = bias[channel];
    }
    for (var o = 0u; o < 4u; o += 1u) {
        sums[o] = start;
    }
    let left = i32(x * STRIDE) - i32(params.pad_x);
    for (var i = 0u; i < KERNEL; i += 1u) {
        let row = i32(y * STRIDE + i) - i32(params.pad_y);
        if row < 0 || row >= i32(params.in_height) {
            continue;
        }
        let line = (n * params.in_height + u32(row)) * params.in_width;
        var values: array<vec4<f32>, COLUMNS>;
        for (var j = 0u; j < COLUMNS; j += 1u) {
            let column = left + i32(j);
            var value = vec4<f32>(0.0);
            if column >= 0 && column < i32(params.in_width) {
                value = input[(line + u32(column)) * channels + channel];
            }
            values[j] = value;
        }
        for (var j = 0u; j < KERNEL; j += 1u) {
            var tap = i * KERNEL + j;
            if FLIPPED {
                tap = KERNEL * KERNEL - 1u - tap;
            }
            let w = weights[tap * channels + channel];
            for (var o = 0u; o < 4u; o += 1u) {
                sums[o] += values[o * STRIDE + j] * w;
            }
        }
    }
    let out = ((n * params.out_height + y) * params.out_width + x) * channels + channel;
    for (var o = 0u; o < 4u; o += 1u) {
        if x + o < params.out_width {
            output[out + o * channels] = activate(sums[o]);
        }
    }
}
