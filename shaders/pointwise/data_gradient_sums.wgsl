// Gradient of a 1x1 convolution with respect to its input, taken back through the activation of the unit before:
// g = (output_gradient weights^T + residual) * activate'(x * scale + shift), x being that unit's raw output, and of each
// tile of rows the two sums of its normalisation's backward pass: of g and of g x', x' = (x - mean) / deviation.
// output_gradient [rows][outputs], weights [inputs][outputs], residual (the gradient that arrives by a skip connection),
// raw and input_gradient [rows][inputs], moments [4][inputs], partial [row tile][2][inputs]; units of 4 channels.
#import grid
#import product
#import activation
#import gemm
#import gemm_rows
#import gemm_transposed
#import pointwise_gradient
#import gemm_columns

override HAS_RESIDUAL: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> raw: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> input_gradient: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let tile = group / params.column_tiles;
    let first_row = tile * 32u * ROW_BLOCKS;
    let first_column = (group % params.column_tiles) * 8u * COLUMN_BLOCKS;
    var sums = transposed_tile(lane, first_row, first_column, params.outputs);
    let own_row = first_row + (lane / 8u) * 4u;
    for (var j = 0u; j < COLUMN_BLOCKS; j += 1u) {
        let column = first_column + lane % 8u + 8u * j;
        var plain = vec4<f32>(0.0);
        var weighted = vec4<f32>(0.0);
        if column < params.inputs {
            let mean = moments[column];
            let inverse = moments[params.inputs + column];
            let scale = moments[2u * params.inputs + column];
            let shift = moments[3u * params.inputs + column];
            for (var i = 0u; i < ROW_BLOCKS; i += 1u) {
                for (var r = 0u; r < 4u; r += 1u) {
                    let row = own_row + 32u * i + r;
                    if row < params.rows {
                        let at = row * params.inputs + column;
                        var gradient = sums[(4u * i + r) * COLUMN_BLOCKS + j];
                        if HAS_RESIDUAL {
                            gradient += residual[at];
                        }
                        let x = raw[at];
                        let g = gradient * activation_slope(x * scale + shift);
                        input_gradient[at] = g;
                        plain += g;
                        weighted += g * ((x - mean) * inverse);
                    }
                }
            }
        }
        let plain_sum = add_down(lane, plain);
        let weighted_sum = add_down(lane, weighted);
        if lane < 8u && first_row < params.rows && column < params.inputs {
            partial[(tile * 2u) * params.inputs + column] = plain_sum;
            partial[(tile * 2u + 1u) * params.inputs + column] = weighted_sum;
        }
    }
}
