// Gradient of a 1x1 convolution with respect to its input, taken back through the activation of the unit before:
// g = (output_gradient weights^T + residual) * activate'(x * scale + shift), with the sums of each tile of rows, see
// gradient_behind.
// output_gradient and output [rows][outputs], weights [inputs][outputs], raw and input_gradient [rows][inputs],
// moments [4][inputs], partial [row tile][2][inputs]; units of 4 channels.
#import storage
#import grid
#import product
#import activation
#import gemm
#import gemm_rows
#import gemm_transposed
#import pointwise_gradient
#import gemm_columns
#import gradient_behind

@group(0) @binding(0) var<uniform> params: Params;

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
    var sums = product_tile(lane, first_row, first_column, params.outputs);
    let own_row = first_row + (lane / GRID_COLUMNS) * 4u;
    var plain: OfColumns;
    var weighted: OfColumns;
    #unroll j COLUMN_BLOCKS
        let column = first_column + lane % GRID_COLUMNS + GRID_COLUMNS * j;
        let known = min(column, params.inputs - 1u);
        load_moments(known, params.inputs);
        var ahead: array<Ahead, 4u * ROW_BLOCKS>;
        #unroll i ROW_BLOCKS
            #unroll r 4
                ahead[4u * i + r] = ahead_of(min(own_row + ROWS_APART * i + r, params.rows - 1u) * params.inputs + known);
            #end
        #end
        sum = vec4<f32>(0.0);
        product = vec4<f32>(0.0);
        #unroll i ROW_BLOCKS
            #unroll r 4
                let row = own_row + ROWS_APART * i + r;
                if row < params.rows && column < params.inputs {
                    leave(row * params.inputs + column, sums[(4u * i + r) * COLUMN_BLOCKS + j], ahead[4u * i + r], true);
                }
            #end
        #end
        plain[j] = sum;
        weighted[j] = weighted_sum();
    #end
    let of_gradients = add_down(lane, plain);
    let of_products = add_down(lane, weighted);
    let column = first_column + lane;
    if lane < B_WIDTH && first_row < params.rows && column < params.inputs {
        partial[(tile * 2u) * params.inputs + column] = of_gradients;
        partial[(tile * 2u + 1u) * params.inputs + column] = of_products;
    }
}
