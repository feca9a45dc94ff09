// 1x1 convolution in training: output = (operand(input) * gate) weights, and of each tile of rows the mean and the sum of
// squared deviations of every output channel, for the batch normalisation that follows (batch_norm/finalise merges them).
// input [rows][inputs], gate [image][inputs], weights [inputs][outputs], output [rows][outputs],
// partial [row tile][2][outputs]; all channel counts in units of 4.
#import storage
#import grid
#import product_forward
#import activation
#import operand
#import gate
#import gemm
#import gemm_store
#import gemm_rows
#import gemm_forward
#import pointwise_forward
#import gemm_columns

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: Weights;
@group(0) @binding(3) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<Value>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;

fn store(row: u32, column: u32, sum: vec4<f32>) {
    let stored = to_value(sum);
    if (row < params.rows) & (column < params.outputs) {
        output[row * params.outputs + column] = stored;
    }
}

// Of what an invocation has of its columns, the sums of rows, weighed by `last` where it is the tile's last: rows beyond the
// last that there is are copies of it, see gemm_rows.
fn sums_of(values: array<vec4<f32>, SUMS>, last: f32) -> OfColumns {
    var sums: OfColumns;
    #unroll j COLUMN_BLOCKS
        sums[j] = values[SUMS - COLUMN_BLOCKS + j] * last;
    #end
    #unroll i 4
        #unroll r ROW_BLOCKS
            const row = i * ROW_BLOCKS + r;
            if row + 1u < 4u * ROW_BLOCKS {
                #unroll j COLUMN_BLOCKS
                    sums[j] += values[row * COLUMN_BLOCKS + j];
                #end
            }
        #end
    #end
    return sums;
}

// Squares of values less their columns' means.
fn squares_of(values: array<vec4<f32>, SUMS>, means: OfColumns) -> array<vec4<f32>, SUMS> {
    var squares = values;
    #unroll i 4
        #unroll r ROW_BLOCKS
            #unroll j COLUMN_BLOCKS
                const at = (i * ROW_BLOCKS + r) * COLUMN_BLOCKS + j;
                let deviation = values[at] - means[j];
                squares[at] = deviation * deviation;
            #end
        #end
    #end
    return squares;
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let tile = group / params.column_tiles;
    let first_row = tile * TILE_ROWS;
    let first_column = (group % params.column_tiles) * B_WIDTH;
    var sums = product_tile(lane, first_row, first_column, params.inputs);
    store_tile(lane, first_row, first_column, sums);
    // A workgroup beyond the last tile, where the grid is folded, has no rows and stores nothing.
    let count = min(max(params.rows, first_row + 1u) - first_row, TILE_ROWS);
    let has_last = lane / GRID_COLUMNS == GRID_ROWS - 1u;
    let last = select(1.0, 1.0 - f32(TILE_ROWS - count), has_last);
    let mean = add_down(lane, sums_of(sums, last)) / f32(count);
    let squares = squares_of(sums, spread(lane, mean));
    let deviations = max(add_down(lane, sums_of(squares, last)), vec4<f32>(0.0));
    let column = first_column + lane;
    if lane < B_WIDTH && first_row < params.rows && column < params.outputs {
        partial[(tile * 2u) * params.outputs + column] = mean;
        partial[(tile * 2u + 1u) * params.outputs + column] = deviations;
    }
}
