// Sums over rows: output[c] = sum over r of input[r, c]; the gradient of a bias. Units of 4 channels.
#import grid
#import columns
#import column_sums

@group(0) @binding(0) var<uniform> params: Columns;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;

fn value_at(at: u32) -> vec4<f32> {
    return input[at];
}

fn store_sum(at: u32, sum: vec4<f32>) {
    output[at] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    sum_columns(linear_group(group_id, grid), lane, params);
}
