// Global average pool: output[n, c] = mean over h, w of operand(input[n, h, w, c]).
// input [n][rows][channels], output [n][channels]; `slabs` counts images here; units of 4 channels.
#import storage
#import grid
#import activation
#import operand
#import columns
#import column_sums

@group(0) @binding(0) var<uniform> params: Columns;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;

fn value_at(at: u32) -> vec4<f32> {
    return operand(from_value(input[at]), at % params.channels, params.channels);
}

fn store_sum(at: u32, sum: vec4<f32>) {
    output[at] = sum / f32(params.rows);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    sum_columns(linear_group(group_id, grid), lane, params);
}
