// Depthwise convolution in training: the output, as of depthwise/forward, and of each block of rows the mean and the sum of
// squared deviations of every channel, for the batch normalisation that follows (batch_norm/finalise merges them).
// input [n][h][w][channels], weights [kernel][kernel][channels], output [n][oh][ow][channels],
// partial [n * blocks][2][channels]; units of 4 channels.
#import storage
#import grid
#import activation
#import operand
#import walk
#import pivoted
#import strip_moments
#import depthwise_filters
#import depthwise_walk

@group(0) @binding(0) var<uniform> params: Walk;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<Value>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

// Of the input's normalisation.
var<private> affine: Affine;
var<private> own: Pivoted;

alias Raw = Value;

fn raw_at(at: u32) -> Raw {
    return input[at];
}

fn input_of(raw: Raw) -> vec4<f32> {
    return operand_of(from_value(raw), affine);
}

// Of an output nothing is needed but itself.
alias Ahead = bool;

fn ahead_of(at: u32) -> Ahead {
    return true;
}

fn begin(value: vec4<f32>) {
    own = with_pivot(own, value);
}

fn leave(at: u32, value: vec4<f32>, ahead: Ahead, inside: bool) {
    let stored = to_value(value);
    if inside {
        output[at] = stored;
    }
    own = with_value(own, value, inside);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let strip = strip_of(group, lane, params.channels, params.width, params.strips, params.slabs);
    share_filters(strip, lane);
    own = nothing_yet();
    if has_part(strip) {
        affine = affine_of(strip.channel, params.channels);
        walk(strip);
    }
    leave_moments(strip, lane, WORKGROUP / params.width, moments_of(own));
}
