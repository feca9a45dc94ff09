// As depthwise/data_gradient_sums_stride1, of small images on a device's matrix units, see depthwise_image_product, which takes the outputs'
// gradient for its input and the filter turned around: of slab s of images the two sums, partial [s][2][channels].
#import storage
#import matrix
#import grid
#import activation
#import gradient_operand
#import gradient_behind
#import depthwise_image_product
#import block_pairs

@group(0) @binding(0) var<uniform> params: Convolution;

var<private> through: Through;

alias Raw = RawGradient;

fn raw_at(at: u32) -> Raw {
    return raw_gradient(at);
}

fn value_of(raw: Raw) -> vec4<f16> {
    return to_half(gradient_times(raw, through, LARGER));
}

fn weight_of(weight: vec4<f32>) -> vec4<f32> {
    return weight;
}

alias Before = Arriving;

fn before_at(at: u32) -> Before {
    return arriving_at(at);
}

fn leave_value(at: u32, value: vec4<f32>, before: Before, inside: bool) {
    leave(at, value / LARGER, ahead_from(before), inside);
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = place_of(linear_group(group_id, grid), lane);
    load_moments(place.channel, params.outputs);
    through = through_times(through_of(place.channel, params.outputs), LARGER);
    make_images(place, lane);
    if place.slab < params.slabs {
        leave_pairs(lane, place.slab, place.strip * 4u + lane % 4u, params.outputs, sum, weighted_sum());
    }
}
