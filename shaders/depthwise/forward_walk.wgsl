// depthwise/forward as a walk down the rows of a block, see shared/forward_walk. FLIPPED as there.
#import storage
#import activation
#import operand
#import forward_walk
#import taps

override FLIPPED: bool = false;

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<Value>;

var<private> affine: Affine;

fn loaded_tap(tap: u32, channel: u32) -> vec4<f32> {
    let known = select(tap, KERNEL * KERNEL - 1u - tap, FLIPPED);
    return from_weight(weights[known * params.outputs + channel]);
}

fn begin(channel: u32) {
    affine = affine_of(channel, params.outputs);
    load_filter(channel);
}

fn input_at(pixel: u32, channel: u32) -> vec4<f32> {
    return operand_of(from_value(input[pixel * params.outputs + channel]), affine);
}

fn met(value: vec4<f32>, tap: u32) -> vec4<f32> {
    return value * taps[tap];
}

fn finished(sum: vec4<f32>) -> vec4<f32> {
    return activate_by(params.activation, params.slope, sum);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    walk_down(linear_group(group_id, grid) * 64u + lane);
}
