// The two channel sums of batch normalisation's backward pass, over the rows of a slab: with
// g = output_gradient * activate'(x * scale + shift), the sums of g and of g x', see shared/column_pairs.
// batch_norm/finalise_gradient adds the slabs: the gradients of beta and gamma.
// raw, output_gradient [rows][channels]; partial [slabs][2][channels]; units of 4 channels.
#import storage
#import grid
#import activation
#import columns
#import column_pairs

@group(0) @binding(0) var<uniform> params: Columns;
@group(0) @binding(1) var<storage, read> raw: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4<f32>>;

fn arriving_at(row: u32, channel: u32) -> vec4<f32> {
    return from_gradient(output_gradient[row * params.channels + channel]);
}

fn leave(row: u32, channel: u32, g: vec4<f32>) {
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    sum_gradients(linear_group(group_id, grid), lane, params);
}
