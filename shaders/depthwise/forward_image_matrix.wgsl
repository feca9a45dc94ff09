// As depthwise/forward_statistics, of small images on a device's matrix units, see depthwise_image_product: of slab s of images mean and sum of
// squared deviations of every channel, partial [s][2][channels]. The input is an operand, see there.
#import storage
#import matrix
#import grid
#import activation
#import operand
#import depthwise_image_product
#import block_moments

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<Value>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

var<private> affine: Affine;
var<private> own: Pivoted;

alias Raw = Value;

fn raw_at(at: u32) -> Raw {
    return input[at];
}

fn value_of(raw: Raw) -> vec4<f16> {
    return vec4<f16>(operand_of(from_value(raw), affine));
}

fn weight_of(weight: Weight) -> vec4<f32> {
    return from_weight(weight);
}

// Nothing.
alias Before = u32;

fn before_at(at: u32) -> Before {
    return 0u;
}

fn leave_value(at: u32, value: vec4<f32>, before: Before, inside: bool) {
    let stored = to_value(value);
    if inside {
        output[at] = stored;
    }
    own = with_value(with_pivot(own, value), value, inside);
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = place_of(linear_group(group_id, grid), lane);
    affine = affine_of(place.channel, params.outputs);
    own = nothing_yet();
    make_images(place, lane);
    if place.slab < params.slabs {
        leave_moments(lane, place.slab, place.strip * 4u + lane % 4u, own);
    }
}
