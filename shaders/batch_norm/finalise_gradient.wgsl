// Adds the slabs of batch_norm/gradient_sums in order: the gradients of gamma and beta.
// partial [slabs][2][channels]: sum of g, sum of g x'; gamma_gradient, beta_gradient [channels]; units of 4 channels.
// With `identity` (one row, see batch_norm/finalise) gamma and beta took no part: their gradients are zero.
#import grid

struct Params {
    channels: u32,
    slabs: u32,
    identity: u32,
    unused_0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> gamma_gradient: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> beta_gradient: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let c = linear_group(group_id, grid) * 64u + lane;
    if c >= params.channels {
        return;
    }
    var sum = vec4<f32>(0.0);
    var product = vec4<f32>(0.0);
    if params.identity == 0u {
        for (var slab = 0u; slab < params.slabs; slab += 1u) {
            sum += partial[(slab * 2u) * params.channels + c];
            product += partial[(slab * 2u + 1u) * params.channels + c];
        }
    }
    gamma_gradient[c] = product;
    beta_gradient[c] = sum;
}
