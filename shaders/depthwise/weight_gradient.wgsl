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

// Of a column outside it is the last that there is, so that no branch stands around a load.
fn place_of(line: u32, column: i32, channel: u32) -> u32 {
    return (line + u32(clamp(column, 0, i32(params.in_width) - 1))) * params.outputs + channel;
}

// Zero outside.
fn input_of(raw: Value, inside: bool, column: i32, affine: Affine) -> vec4<f32> {
    let there = inside & (column >= 0) & (column < i32(params.in_width));
    return select(vec4<f32>(0.0), operand_of(from_value(raw), affine), there);
}

// What AT_ONCE positions of a row of outputs add, as it lies in memory: their gradients, and of each line what their windows have new.
struct Ahead {
    gradients: array<RawGradient, AT_ONCE>,
    inputs: array<Value, AT_ONCE * ROWS * STRIDE>,
}

// The first new column of the window of output x.
fn fresh_column(x: u32) -> i32 {
    return i32(x * STRIDE + KEPT) - i32(params.pad_x);
}

fn ahead_at(row: u32, x: u32, lines: array<u32, ROWS>, channel: u32) -> Ahead {
    var ahead: Ahead;
    #unroll q AT_ONCE
        let known = min(x + q, params.out_width - 1u);
        ahead.gradients[q] = raw_gradient((row * params.out_width + known) * params.outputs + channel);
        #unroll r ROWS
            #unroll j STRIDE
                let at = place_of(lines[r], fresh_column(x + q) + i32(j), channel);
                ahead.inputs[(q * ROWS + r) * STRIDE + j] = input[at];
            #end
        #end
    #end
    return ahead;
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
                window[r * KERNEL + STRIDE + j] =
                    input_of(input[place_of(lines[r], left + i32(j), channel)], inside[r], left + i32(j), affine);
            #end
        #end
        var ahead = ahead_at(at, 0u, lines, channel);
        for (var x = 0u; x < params.out_width; x += AT_ONCE) {
            let here = ahead;
            // The next positions are on their way while these are multiplied.
            ahead = ahead_at(at, x + AT_ONCE, lines, channel);
            #unroll q AT_ONCE
                let gradient = select(vec4<f32>(0.0), gradient_from(here.gradients[q], through), x + q < params.out_width);
                let first_fresh = fresh_column(x + q);
                #unroll r ROWS
                    #unroll j KEPT
                        window[r * KERNEL + j] = window[r * KERNEL + j + STRIDE];
                    #end
                    #unroll j STRIDE
                        window[r * KERNEL + KEPT + j] =
                            input_of(here.inputs[(q * ROWS + r) * STRIDE + j], inside[r], first_fresh + i32(j), affine);
                    #end
                    #unroll j KERNEL
                        sums[r * KERNEL + j] += window[r * KERNEL + j] * gradient;
                    #end
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
