// Gradient of the global average pool taken back through the activation of the unit before:
// g = output_gradient / (h w) * activate'(x * scale + shift), x being that unit's raw output, with the two sums of its
// normalisation's backward pass as in batch_norm/gradient_sums.
// output_gradient [n][channels], raw, input_gradient [n][rows][channels], moments [4][channels], partial [slabs][2][channels];
// units of 4 channels.
#import storage
#import grid
#import activation
#import columns
#import column_pairs
#import image_columns

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> raw: array<Value>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<Gradient>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

fn arriving_at(row: u32, channel: u32) -> vec4<f32> {
    let of_image = output_gradient[(row / params.rows_per_image) * params.columns.channels + channel];
    return of_image / f32(params.rows_per_image);
}

fn leave(row: u32, channel: u32, g: vec4<f32>) {
    input_gradient[row * params.columns.channels + channel] = to_gradient(g);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    sum_gradients(linear_group(group_id, grid), lane, params.columns);
}
