// As depthwise/weight_gradient, on a device's matrix units: partial[s][i][j][c] of slab s of blocks of output rows; reduce/slabs adds the
// slabs; for the gradient see gradient_operand. 16 bits are multiplied as in shared/matrix/gemm.
//
// A workgroup goes down the rows of a block, ROWS at a time and ACROSS columns of them, see depthwise_diagonal. Each of its teams has a
// filter column j: it keeps the matrices of the KERNEL lines that a row of outputs meets, moved by j, in registers, and of a row of
// gradients takes one for all filter rows.
// Units of 4 channels; the input is an operand, see there.
#import storage
#import matrix
#import grid
#import convolution
#import activation
#import operand
#import gradient_operand
#import depthwise_diagonal

// `down` is the rows of a block, `width` the blocks of a slab.
@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> output: array<Value>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;

const ACROSS: u32 = COLUMN_BLOCKS * SIDE;
// Positions of the input that ACROSS columns meet.
const PIXELS: u32 = STRIDE * (ACROSS - 1u) + KERNEL;
// Lines that a row of outputs does not share with the one above, of ROWS rows.
const NEW_LINES: u32 = STRIDE * ROWS;
// Rows above a block whose lines are those that its first row shares with them; of these nothing is added up.
const BEFORE: u32 = (KERNEL - STRIDE + NEW_LINES - 1u) / NEW_LINES * ROWS;
// What each invocation loads of the lines, whose positions are counted on from one to the next, and of the gradients.
const_assert LOADS == (NEW_LINES * PIXELS * 4u + INVOCATIONS - 1u) / INVOCATIONS;
const_assert GRADIENTS == (ROWS * ACROSS * 4u + INVOCATIONS - 1u) / INVOCATIONS;

const GRADIENTS_AT: u32 = NEW_LINES * PIXELS * LINE;
const HALVES: u32 = GRADIENTS_AT + ROWS * ACROSS * LINE;

// ROWS rows of image n from y on, of a block that begins at row `top`, and columns from x on.
struct Rows {
    n: u32,
    y: i32,
    top: i32,
    x: u32,
}

// Of turn `turn` of those that a slab takes for its blocks from `first` on.
fn rows_at(first: u32, turn: u32, turns: u32, x: u32) -> Rows {
    let blocks = params.out_height / params.down;
    // Beyond the last block there is something to load.
    let block = min(first + turn / turns, params.batch * blocks - 1u);
    let top = i32(block % blocks * params.down);
    return Rows(block / blocks, top + i32(turn % turns * ROWS) - i32(BEFORE), top, x);
}

// What lies in memory: of new lines and of gradients, where there is none that of the nearest.
struct Loads {
    inputs: array<Value, LOADS>,
    gradients: array<RawGradient, GRADIENTS>,
}

fn input_row(rows: Rows, position: u32) -> i32 {
    return rows.y * i32(STRIDE) + i32(KERNEL - STRIDE + position / PIXELS) - i32(params.pad_y);
}

fn input_column(rows: Rows, position: u32) -> i32 {
    return i32(rows.x * STRIDE + position % PIXELS) - i32(params.pad_x);
}

fn loads_at(rows: Rows, channel: u32, lane: u32) -> Loads {
    var loads: Loads;
    #unroll h LOADS
        let position = position_of(lane, h);
        let row = u32(clamp(input_row(rows, position), 0, i32(params.in_height) - 1));
        let column = u32(clamp(input_column(rows, position), 0, i32(params.in_width) - 1));
        loads.inputs[h] = input[((rows.n * params.in_height + row) * params.in_width + column) * params.outputs + channel];
    #end
    #unroll h GRADIENTS
        let position = position_of(lane, h);
        let row = u32(clamp(rows.y + i32(position / ACROSS), 0, i32(params.out_height) - 1));
        let column = min(rows.x + position % ACROSS, params.out_width - 1u);
        loads.gradients[h] = raw_gradient(((rows.n * params.out_height + row) * params.out_width + column) * params.outputs + channel);
    #end
    return loads;
}

// With zeros beyond the edge, and for the gradients of rows that are not the block's.
fn put_loads(loads: Loads, rows: Rows, affine: Affine, through: Through, lane: u32) {
    #unroll h LOADS
        let position = position_of(lane, h);
        let row = input_row(rows, position);
        let column = input_column(rows, position);
        let there = (row >= 0) & (row < i32(params.in_height)) & (column >= 0) & (column < i32(params.in_width));
        let value = operand_of(from_value(loads.inputs[h]), affine);
        if position < NEW_LINES * PIXELS {
            put(position * LINE + lane % 4u, select(vec4<f16>(), vec4<f16>(value), there));
        }
    #end
    #unroll h GRADIENTS
        let position = position_of(lane, h);
        let row = rows.y + i32(position / ACROSS);
        let own = (row >= rows.top) & (row < rows.top + i32(params.down)) & (rows.x + position % ACROSS < params.out_width);
        let gradient = gradient_times(loads.gradients[h], through, LARGER);
        if position < ROWS * ACROSS {
            put(GRADIENTS_AT + position * LINE + lane % 4u, select(vec4<f16>(), to_half(gradient), own));
        }
    #end
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.outputs;
    let own = place_of(linear_group(group_id, grid), lane);
    let slab = own.slab;
    let channel = own.channel;
    let affine = affine_of(channel, channels);
    let through = through_times(through_of(channel, channels), LARGER);
    let j = lane / TEAM;
    let of_rows = part_row(lane);
    let of_columns = part_column(lane);
    // A workgroup beyond the last slab has no block.
    let turns = (BEFORE + params.down + ROWS - 1u) / ROWS;
    let first = slab * params.width;
    let blocks = params.batch * (params.out_height / params.down);
    let all_turns = (min(first + params.width, blocks) - min(first, blocks)) * turns;
    // Of each block of columns the lines that a row of outputs meets.
    var lines: array<MatrixA, COLUMN_BLOCKS * PARTS * KERNEL>;
    var sums: array<MatrixSum, KERNEL>;
    for (var x = 0u; x < params.out_width; x += ACROSS) {
        var loads = loads_at(rows_at(first, 0u, turns, x), channel, lane);
        for (var turn = 0u; turn < all_turns; turn += 1u) {
            put_loads(loads, rows_at(first, turn, turns, x), affine, through, lane);
            workgroupBarrier();
            // The next turn's loads are on their way while this one is multiplied.
            loads = loads_at(rows_at(first, turn + 1u, turns, x), channel, lane);
            let is_own = turn % turns * ROWS >= BEFORE;
            #unroll r ROWS
                #unroll b COLUMN_BLOCKS
                    #unroll p 2
                        if p < PARTS {
                            const first_line = (b * PARTS + min(p, PARTS - 1u)) * KERNEL;
                            const column = SIDE * b + EDGE * p;
                            #unroll i KEPT
                                lines[first_line + i] = lines[first_line + i + STRIDE];
                            #end
                            #unroll m STRIDE
                                let at = ((r * STRIDE + m) * PIXELS + STRIDE * column + j) * LINE + of_rows / 4u;
                                lines[first_line + KEPT + m] = coopLoad<MatrixA>(&halves[at], STRIDE * LINE);
                            #end
                            // A branch, of which naga does not see that the whole workgroup takes it.
                            for (var adds = is_own; adds; adds = false) {
                                let at = GRADIENTS_AT + (r * ACROSS + column) * LINE + of_columns / 4u;
                                let gradient = coopLoadT<MatrixB>(&halves[at], LINE);
                                #unroll i KERNEL
                                    sums[i] = coopMultiplyAdd(lines[first_line + i], gradient, sums[i]);
                                #end
                            }
                        }
                    #end
                #end
            #end
            workgroupBarrier();
        }
    }
    if slab >= params.slabs {
        return;
    }
    #unroll i KERNEL
        leave_diagonal(sums[i], slab, i, own.strip, lane);
    #end
}
