// Gradient of a depthwise convolution of stride 1 with respect to its input, see depthwise_walk, which takes the outputs'
// gradient for its input and the filter turned around; taken back through the unit before, see gradient_behind.
// output_gradient [n][oh][ow][channels], weights [kernel][kernel][channels], residual, raw and input_gradient
// [n][h][w][channels], moments [4][channels], partial [n * blocks][2][channels]; units of 4 channels.
#import grid
#import activation
#import walk
#import strip_pairs
#import gradient_behind
#import depthwise_walk

@group(0) @binding(0) var<uniform> params: Walk;
@group(0) @binding(1) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> raw: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> input_gradient: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec4<f32>>;

fn input_at(at: u32, channel: u32) -> vec4<f32> {
    return output_gradient[at];
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let strip = strip_of(group, lane, params.channels, params.width, params.strips, params.slabs);
    if strip.inside {
        load_moments(strip.channel, params.channels);
        walk(strip);
    }
    leave_pairs(strip, lane, sum, product);
}
