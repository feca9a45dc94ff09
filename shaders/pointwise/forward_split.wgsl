// pointwise/forward where there are few tiles, see split_tile: output = activate((operand(input) * gate) weights + bias) + residual.
// input [rows][inputs], gate [image][inputs], weights [inputs][outputs], bias [outputs], residual and output
// [rows][outputs]; units of 4 channels.
#import storage
#import grid
#import product_forward
#import activation
#import operand
#import gate
#import epilogue
#import pointwise_forward
#import pointwise_weights
#import split_tile

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<Value>;
@group(0) @binding(5) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> output: array<Value>;

fn weights_at(k4: u32, column: u32) -> mat4x4<f32> {
    let k = k4 * 4u;
    return mat4x4<f32>(
        weight_of(weight_at(k, column), k),
        weight_of(weight_at(k + 1u, column), k + 1u),
        weight_of(weight_at(k + 2u, column), k + 2u),
        weight_of(weight_at(k + 3u, column), k + 3u),
    );
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let first_row = (group / params.column_tiles) * ROWS;
    let first_column = (group % params.column_tiles) * COLUMNS;
    let sum = split_product(lane, first_row, first_column, params.inputs);
    let row = first_row + lane / COLUMNS;
    let column = first_column + lane % COLUMNS;
    if lane < OUTPUTS && row < params.rows && column < params.outputs {
        let at = row * params.outputs + column;
        output[at] = to_value(finished(sum, column, at));
    }
}
