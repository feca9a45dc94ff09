// Gradient of a 1x1 convolution with respect to its weights, split over the rows (split-K):
// partial[s] = sum over the rows of slab s of (operand(input) * gate)^T output_gradient; reduce/slabs adds the slabs.
// With BIAS the inputs have one more, which is 1: a last line of each slab is the gradient of the bias.
// input [rows][inputs], output_gradient and output [rows][outputs], see gradient_operand, partial [slabs][inputs, bias][outputs]; units of 4 channels.
#import storage
#import grid
#import product_split
#import activation
#import operand
#import gate
#import gradient_operand
#import gemm
#import gemm_groups
#import gemm_store

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> output: array<Value>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec4<f32>>;

override BIAS: bool = false;

// Lines of a slab.
fn lines() -> u32 {
    return params.inputs * 4u + u32(BIAS);
}

// First row of this workgroup's slab in `partial`, and where the last slab ends.
var<private> slab_start: u32;

fn store(row: u32, column: u32, sum: vec4<f32>) {
    let inside = slab_start < params.slabs * lines();
    if inside && row < lines() && column < params.outputs {
        partial[(slab_start + row) * params.outputs + column] = sum;
    }
}

// Rows beyond the slab's are zeros in the matrix of which an invocation loads less; channels beyond the last are not stored. No
// branch stands around a load, see gemm_rows.
const FEWER_INPUTS: bool = A_PIECES < B_PIECES;

alias Inputs = array<Value, A_PIECES>;
alias Gradients = array<RawGradient, B_PIECES>;

// The row of piece i that an invocation has of a step that begins at row `first`, of a matrix so many vec4 wide.
fn row_of(first: u32, lane: u32, width: u32, i: u32) -> u32 {
    return first + lane / width + i * (INVOCATIONS / width);
}

// What an invocation loads of a step, as it lies in memory. Behind the slab's last row it is that one, so that the step that is loaded
// while the last is multiplied costs a line and not the next slab's first.
fn inputs_at(first: u32, end: u32, lane: u32, channel: u32) -> Inputs {
    let near = min(channel, params.inputs - 1u);
    var raws: Inputs;
    #unroll i A_PIECES
        raws[i] = input[min(row_of(first, lane, A_WIDTH, i), end - 1u) * params.inputs + near];
    #end
    return raws;
}

fn gradients_at(first: u32, end: u32, lane: u32, channel: u32) -> Gradients {
    let near = min(channel, params.outputs - 1u);
    var raws: Gradients;
    #unroll i B_PIECES
        raws[i] = raw_gradient(min(row_of(first, lane, B_WIDTH, i), end - 1u) * params.outputs + near);
    #end
    return raws;
}

fn input_of(raw: Value, image: u32, channel: u32, affine: Affine) -> vec4<f32> {
    let near = min(channel, params.inputs - 1u);
    var value = gated(operand_of(from_value(raw), affine), image, near, params.inputs);
    if BIAS {
        value = select(value, vec4<f32>(1.0, 0.0, 0.0, 0.0), channel == params.inputs);
    }
    return value;
}

const_assert A_WIDTH * STEP == INVOCATIONS * A_PIECES && B_WIDTH * STEP == INVOCATIONS * B_PIECES;
// Both matrices lie as they were read.
const A_TURN: u32 = 0u;
const B_TURN: u32 = 0u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let tiles = params.column_tiles * params.row_tiles;
    let slab = group / tiles;
    let first_row = ((group % tiles) / params.column_tiles) * A_WIDTH;
    let first_column = ((group % tiles) % params.column_tiles) * B_WIDTH;
    let begin = slab * params.rows_per_slab;
    let end = min(begin + params.rows_per_slab, params.rows);
    slab_start = slab * lines();
    // 64 is a multiple of both widths: an invocation loads values of one channel group only.
    let input_channel = first_row + lane % A_WIDTH;
    let output_channel = first_column + lane % B_WIDTH;
    let affine = affine_of(min(input_channel, params.inputs - 1u), params.inputs);
    let through = through_times(through_of(min(output_channel, params.outputs - 1u), params.outputs), B_SCALE);
    var products = no_products();
    var a = inputs_at(begin, end, lane, input_channel);
    var b = gradients_at(begin, end, lane, output_channel);
    for (var first = begin; first < end; first += STEP) {
        let image = image_of(first);
        #unroll i A_PIECES
            let row = row_of(first, lane, A_WIDTH, i);
            let own_image = image_behind(image, min(row, params.rows - 1u), STEP);
            put_a(lane + INVOCATIONS * i, input_of(a[i], own_image, input_channel, affine), row < end || !FEWER_INPUTS);
        #end
        #unroll i B_PIECES
            let row = row_of(first, lane, B_WIDTH, i);
            put_b(lane + INVOCATIONS * i, gradient_times(b[i], through, B_SCALE), row < end || FEWER_INPUTS);
        #end
        workgroupBarrier();
        // The next step's loads are on their way while this one is multiplied.
        a = inputs_at(first + STEP, end, lane, input_channel);
        b = gradients_at(first + STEP, end, lane, output_channel);
        multiply_tiles(lane, &products);
        workgroupBarrier();
    }
    var sums = sums_of_products(lane, &products);
    add_groups(lane, &sums);
    if lane < GRID {
        store_tile(lane, first_row * 4u, first_column, sums);
    }
}
