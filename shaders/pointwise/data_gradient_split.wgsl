// pointwise/data_gradient where there are few tiles, see split_tile: input_gradient = output_gradient weights^T, or that added to
// what input_gradient has; with RECTIFIED where `passed` is positive, else zero.
// output_gradient and output [rows][outputs], see gradient_operand, weights [inputs][outputs], passed and input_gradient
// [rows][inputs]; units of 4 channels.
#import storage
#import grid
#import product
#import pointwise_gradient
#import pointwise_turned_weights
#import split_tile

override ADDS: bool = false;
override RECTIFIED: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(2) var<storage, read> output: array<Value>;
@group(0) @binding(3) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> passed: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> input_gradient: array<Gradient>;

fn weights_at(k4: u32, column: u32) -> mat4x4<f32> {
    let own = column * 4u;
    return transpose(
        mat4x4<f32>(
            weight_of(weight_at(own, k4), k4),
            weight_of(weight_at(own + 1u, k4), k4),
            weight_of(weight_at(own + 2u, k4), k4),
            weight_of(weight_at(own + 3u, k4), k4),
        ),
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
    let sum = split_product(lane, first_row, first_column, params.outputs);
    let row = first_row + lane / COLUMNS;
    let column = first_column + lane % COLUMNS;
    if lane < OUTPUTS && row < params.rows && column < params.inputs {
        let at = row * params.inputs + column;
        var value = sum;
        if ADDS {
            value += from_gradient(input_gradient[at]);
        }
        if RECTIFIED {
            value = select(vec4<f32>(0.0), value, passed[at] > vec4<f32>(0.0));
        }
        input_gradient[at] = to_gradient(value);
    }
}
