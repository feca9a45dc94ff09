// Gradient of squeeze-excite with respect to its input, by both ways it takes, and back through the activation of the
// unit before: g = (output_gradient * gate + pool_gradient / (h w)) * activate'(x * scale + shift), x being that unit's
// raw output, with the two sums of its normalisation's backward pass as in batch_norm/gradient_sums.
// output_gradient, raw, input_gradient [n][rows][channels], gate and pool_gradient [n][channels], moments [4][channels],
// partial [slabs][2][channels]; units of 4 channels.
#import storage
#import grid
#import activation
#import columns
#import column_pairs
#import image_columns

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(2) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> pool_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> raw: array<Value>;
@group(0) @binding(5) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> input_gradient: array<Gradient>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec4<f32>>;

fn arriving_at(row: u32, channel: u32) -> vec4<f32> {
    let channels = params.columns.channels;
    let of_image = (row / params.rows_per_image) * channels + channel;
    let pooled = pool_gradient[of_image] / f32(params.rows_per_image);
    return from_gradient(output_gradient[row * channels + channel]) * gate[of_image] + pooled;
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
