// The gradient behind the gate's activation: gate_gradient[n, c] =
// SLOPE * sum over h, w of output_gradient[n, h, w, c] * operand(input[n, h, w, c]) where the gate is between 0 and 1.
// input, output_gradient [n][rows][channels]; `slabs` counts images here; units of 4 channels.
#import storage
#import grid
#import activation
#import operand
#import columns
#import column_sums

@group(0) @binding(0) var<uniform> params: Columns;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> gate_gradient: array<vec4<f32>>;

fn value_at(at: u32) -> vec4<f32> {
    return operand(from_value(input[at]), at % params.channels, params.channels) * from_gradient(output_gradient[at]);
}

fn store_sum(at: u32, sum: vec4<f32>) {
    let zero = vec4<f32>(0.0);
    let inside = (gate[at] > zero) & (gate[at] < vec4<f32>(1.0));
    gate_gradient[at] = select(zero, sum * SLOPE, inside);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    sum_columns(linear_group(group_id, grid), lane, params);
}
