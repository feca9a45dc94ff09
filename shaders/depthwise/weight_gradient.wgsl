// Gradient of a depthwise convolution with respect to its weights, in slabs of output rows:
// partial[s][i][j][c] = sum over the rows (n, y) of slab s and all x of
//   operand(input[n, y S + i - pad_y, x S + j - pad_x, c]) output_gradient[n, y, x, c]; reduce/slabs adds the slabs; for the
// gradient see gradient_operand.
// Units of 4 channels. An invocation owns ROWS filter rows of one channel group in one slab, PARTS invocations the filter, and
// slides a window of KERNEL columns of the lines that these rows meet: a gradient is loaded once for each part, an input
// once for each filter row.
#import storage
#import grid
#import convolution
#import activation
#import operand
#import gradient_operand

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> output: array<Value>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;

// Zero outside, and without a branch around the load: all of a step are on their way before the first is waited for.
fn input_at(line: u32, inside: bool, column: i32, channel: u32, affine: Affine) -> vec4<f32> {
    let last = i32(params.in_width) - 1;
    let value = operand_of(from_value(input[(line + u32(clamp(column, 0, last))) * params.outputs + channel]), affine);
    return select(vec4<f32>(0.0), value, inside & (column >= 0) & (column <= last));
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
    let part = rest % PARTS;
    let slab = rest / PARTS;
    if slab >= params.slabs {
        return;
    }
    let affine = affine_of(channel, channels);
    let through = through_of(channel, channels);
    let first = part * ROWS;
    let rows = params.batch * params.out_height;
    let rows_per_slab = (rows + params.slabs - 1u) / params.slabs;
    let begin = slab * rows_per_slab;
    let end = min(begin + rows_per_slab, rows);
    let left = -i32(params.pad_x);
    var sums: array<vec4<f32>, ROWS * KERNEL>;
    for (var k = 0u; k < ROWS * KERNEL; k += 1u) {
        sums[k] = vec4<f32>(0.0);
    }
    for (var at = begin; at < end; at += 1u) {
        let top = i32((at % params.out_height) * STRIDE + first) - i32(params.pad_y);
        let image = (at / params.out_height) * params.in_height;
        var lines: array<u32, ROWS>;
        var inside: array<bool, ROWS>;
        var window: array<vec4<f32>, ROWS * KERNEL>;
        #unroll r ROWS
            let row = clamp(top + i32(r), 0, i32(params.in_height) - 1);
            inside[r] = first + r < KERNEL && row == top + i32(r);
            lines[r] = (image + u32(row)) * params.in_width;
            #unroll j KEPT
                window[r * KERNEL + STRIDE + j] = input_at(lines[r], inside[r], left + i32(j), channel, affine);
            #end
        #end
        for (var x = 0u; x < params.out_width; x += 1u) {
            let fresh = left + i32(x * STRIDE + KEPT);
            let gradient = gradient_of((at * params.out_width + x) * channels + channel, through);
            #unroll r ROWS
                #unroll j KEPT
                    window[r * KERNEL + j] = window[r * KERNEL + j + STRIDE];
                #end
                #unroll j STRIDE
                    window[r * KERNEL + KEPT + j] = input_at(lines[r], inside[r], fresh + i32(j), channel, affine);
                #end
                #unroll j KERNEL
                    sums[r * KERNEL + j] += window[r * KERNEL + j] * gradient;
                #end
            #end
        }
    }
    let tap = (slab * KERNEL + first) * KERNEL;
    #unroll r ROWS
        if first + r < KERNEL {
            for (var j = 0u; j < KERNEL; j += 1u) {
                partial[(tap + r * KERNEL + j) * channels + channel] = sums[r * KERNEL + j];
            }
        }
    #end
}
