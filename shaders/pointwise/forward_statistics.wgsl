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
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<Value>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;

fn store(row: u32, column: u32, sum: vec4<f32>) {
    if row < params.rows && column < params.outputs {
        output[row * params.outputs + column] = to_value(sum);
    }
}

@compute @workgroup_size(64)
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
    let last_row = max(params.rows, first_row + 1u);
    let count = f32(min(last_row - first_row, TILE_ROWS));
    let own_row = first_row + (lane / GRID_COLUMNS) * 4u;
    #unroll j COLUMN_BLOCKS
        // Rows beyond the last are zeros.
        var sum = vec4<f32>(0.0);
        #unroll i ROW_BLOCKS
            #unroll r 4
                sum += sums[(4u * i + r) * COLUMN_BLOCKS + j];
            #end
        #end
        let mean = add_down(lane, sum) / count;
        var squares = vec4<f32>(0.0);
        #unroll i ROW_BLOCKS
            #unroll r 4
                if own_row + ROWS_APART * i + r < params.rows {
                    let deviation = sums[(4u * i + r) * COLUMN_BLOCKS + j] - mean;
                    squares += deviation * deviation;
                }
            #end
        #end
        let deviations = add_down(lane, squares);
        let column = first_column + lane % GRID_COLUMNS + GRID_COLUMNS * j;
        if lane < GRID_COLUMNS && first_row < params.rows && column < params.outputs {
            partial[(tile * 2u) * params.outputs + column] = mean;
            partial[(tile * 2u + 1u) * params.outputs + column] = deviations;
        }
    #end
}
