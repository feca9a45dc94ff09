// Gradient of a 1x1 convolution with respect to its input:
// input_gradient = output_gradient weights^T, or that added to what input_gradient has from a skip connection; with RECTIFIED zero
// where `passed` [rows][inputs], what a ReLU made of the input, is.
// output_gradient and output [rows][outputs], see gradient_operand, weights [inputs][outputs], input_gradient [rows][inputs]; units of 4 channels.
#import storage
#import grid
#import product
#import gemm
#import gemm_add
#import gemm_store
#import gemm_rows
#import gemm_transposed
#import pointwise_gradient

override ADDS: bool = false;
override RECTIFIED: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(2) var<storage, read> output: array<Value>;
@group(0) @binding(3) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> passed: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> input_gradient: array<Gradient>;

fn addend_at(at: u32) -> vec4<f32> {
    return from_gradient(input_gradient[at]);
}

fn store(row: u32, column: u32, value: vec4<f32>) {
    if row < params.rows && column < params.inputs {
        let at = row * params.inputs + column;
        if RECTIFIED {
            input_gradient[at] = to_gradient(select(vec4<f32>(0.0), value, passed[at] > vec4<f32>(0.0)));
        } else {
            input_gradient[at] = to_gradient(value);
        }
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let first_row = (group / params.column_tiles) * TILE_ROWS;
    let first_column = (group % params.column_tiles) * B_WIDTH;
    var sums = product_tile(lane, first_row, first_column, params.outputs);
    if ADDS {
        sums = added_tile(lane, first_row, first_column, params.rows, params.inputs, sums);
    }
    store_tile(lane, first_row, first_column, sums);
}
