// Gradient of a depthwise convolution with respect to its weights, in slabs of output rows:
// partial[s][i][j][c] = sum over the rows (n, y) of slab s and all x of
//   operand(input[n, y S + i - pad_y, x S + j - pad_x, c]) output_gradient[n, y, x, c]; reduce/sum adds the slabs.
// Units of 4 channels. An invocation owns one filter row i of one channel group in one slab and
// slides a window of KERNEL columns, so each input is loaded once for each filter row.
#import storage
#import grid
#import convolution
#import activation
#import operand

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4<f32>>;

fn input_at(line: u32, column: i32, channel: u32) -> vec4<f32> {
    if column < 0 || column >= i32(params.in_width) {
        return vec4<f32>(0.0);
    }
    return operand(from_value(input[(line + u32(column)) * params.outputs + channel]), channel, params.outputs);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.outputs;
    var rest = linear_group(group_id, grid) * 64u + lane;
    let channel = rest % channels;
    rest /= channels;
    let i = rest % KERNEL;
    let slab = rest / KERNEL;
    if slab >= params.slabs {
        return;
    }
    let rows = params.batch * params.out_height;
    let rows_per_slab = (rows + params.slabs - 1u) / params.slabs;
    let begin = slab * rows_per_slab;
    let end = min(begin + rows_per_slab, rows);
    var sums: array<vec4<f32>, KERNEL>;
    for (var j = 0u; j < KERNEL; j += 1u) {
        sums[j] = vec4<f32>(0.0);
    }
    for (var at = begin; at < end; at += 1u) {
        let y = at % params.out_height;
        let n = at / params.out_height;
        let row = i32(y * STRIDE + i) - i32(params.pad_y);
        if row < 0 || row >= i32(params.in_height) {
            continue;
        }
        let line = (n * params.in_height + u32(row)) * params.in_width;
        let left = -i32(params.pad_x);
        var window: array<vec4<f32>, KERNEL>;
        for (var j = 0u; j + STRIDE < KERNEL; j += 1u) {
            window[j + STRIDE] = input_at(line, left + i32(j), channel);
        }
        for (var x = 0u; x < params.out_width; x += 1u) {
            for (var j = 0u; j + STRIDE < KERNEL; j += 1u) {
                window[j] = window[j + STRIDE];
            }
            let fresh = left + i32(x * STRIDE + KERNEL - STRIDE);
            for (var j = 0u; j < STRIDE; j += 1u) {
                window[KERNEL - STRIDE + j] = input_at(line, fresh + i32(j), channel);
            }
            let gradient = from_gradient(output_gradient[(at * params.out_width + x) * channels + channel]);
            for (var j = 0u; j < KERNEL; j += 1u) {
                sums[j] += window[j] * gradient;
            }
        }
    }
    let first = (slab * KERNEL + i) * KERNEL;
    for (var j = 0u; j < KERNEL; j += 1u) {
        partial[(first + j) * channels + channel] = sums[j];
    }
}
