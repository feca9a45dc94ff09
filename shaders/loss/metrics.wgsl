// Adds a batch's outcomes to the running metrics, in order, so that the host reads once an interval.
// outcomes [n] from loss/cross_entropy. A loss that is not finite is found by its exponent bits, since WGSL
// compilers may assume that NaN does not occur; the first step with one is remembered. Such an image counts as
// wrong: nothing compares greater than NaN, so that its rank would be 0.
#import step

struct Params {
    batch: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
    k: vec4<u32>,
}

struct Metrics {
    loss: f32,
    images: u32,
    bad: u32,
    bad_step: u32,
    top: vec4<u32>,
    last_loss: f32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> step: Step;
@group(0) @binding(2) var<storage, read> outcomes: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> metrics: Metrics;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    if lane != 0u || group.x != 0u {
        return;
    }
    var loss = 0.0;
    var images = 0u;
    var top = vec4<u32>();
    var bad = 0u;
    for (var image = 0u; image < params.batch; image += 1u) {
        let outcome = outcomes[image];
        if outcome.w == 0.0 {
            continue;
        }
        images += 1u;
        loss += outcome.x;
        let finite = (bitcast<u32>(outcome.x) & 0x7f800000u) != 0x7f800000u;
        bad += u32(!finite);
        let among = vec4<f32>(outcome.y) < vec4<f32>(params.k);
        top += select(vec4<u32>(), vec4<u32>(1u), among & vec4<bool>(finite));
    }
    if bad > 0u && metrics.bad == 0u {
        metrics.bad_step = step.number;
    }
    metrics.bad += bad;
    metrics.images += images;
    metrics.top += top;
    metrics.loss += loss;
    metrics.last_loss = loss / f32(max(images, 1u));
}
