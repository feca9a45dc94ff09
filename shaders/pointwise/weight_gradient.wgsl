// Gradient of a 1x1 convolution with respect to its weights, split over the rows (split-K):
// partial[s] = sum over the rows of slab s of (operand(input) * gate)^T output_gradient; reduce/sum adds the slabs.
// input [rows][inputs], output_gradient and output [rows][outputs], see gradient_operand, partial [slabs][inputs][outputs]; units of 4 channels.
#import storage
#import grid
#import product_split
#import activation
#import operand
#import gate
#import gradient_operand
#import gemm
#import gemm_store

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> output: array<Value>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec4<f32>>;

// First row of this workgroup's slab in `partial`, and where the last slab ends.
var<private> slab_start: u32;

fn store(row: u32, column: u32, sum: vec4<f32>) {
    let inside = slab_start < params.slabs * params.inputs * 4u;
    if inside && row < params.inputs * 4u && column < params.outputs {
        partial[(slab_start + row) * params.outputs + column] = sum;
    }
}

fn input_at(row: u32, end: u32, channel: u32, affine: Affine) -> vec4<f32> {
    if row < end && channel < params.inputs {
        let value = operand_of(from_value(input[row * params.inputs + channel]), affine);
        return gated(value, row / params.rows_per_image, channel, params.inputs);
    }
    return vec4<f32>(0.0);
}

fn gradient_at(row: u32, end: u32, channel: u32, through: Through) -> vec4<f32> {
    if row < end && channel < params.outputs {
        return gradient_of(row * params.outputs + channel, through);
    }
    return vec4<f32>(0.0);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let tiles = params.column_tiles * params.row_tiles;
    let slab = group / tiles;
    let first_row = ((group % tiles) / params.column_tiles) * 8u * ROW_BLOCKS;
    let first_column = ((group % tiles) % params.column_tiles) * 8u * COLUMN_BLOCKS;
    let begin = slab * params.rows_per_slab;
    let end = min(begin + params.rows_per_slab, params.rows);
    slab_start = slab * params.inputs * 4u;
    // 64 is a multiple of both widths: an invocation loads values of one channel group only.
    let input_channel = first_row + lane % A_WIDTH;
    let output_channel = first_column + lane % B_WIDTH;
    let affine = affine_of(input_channel, params.inputs);
    let through = through_of(output_channel, params.outputs);
    var sums = no_sums();
    for (var first = begin; first < end; first += STEP) {
        for (var i = lane; i < A_WIDTH * STEP; i += 64u) {
            tile_a[i] = input_at(first + i / A_WIDTH, end, input_channel, affine);
        }
        for (var i = lane; i < B_WIDTH * STEP; i += 64u) {
            tile_b[i] = gradient_at(first + i / B_WIDTH, end, output_channel, through);
        }
        workgroupBarrier();
        multiply_tiles(lane, &sums);
        workgroupBarrier();
    }
    store_tile(lane, first_row * 4u, first_column, sums);
}
