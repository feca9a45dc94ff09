// Gradient of the mean softmax cross-entropy with respect to the logits:
// logits_gradient[n, c] = (softmax(z)[c] - target[c]) * inverse_batch; 0 for rows and padding that do not count.
// logits, logits_gradient [n][stride]; outcomes [n] from loss/cross_entropy.
#import grid

struct Params {
    batch: u32,
    classes: u32,
    stride: u32,
    smoothing: f32,
    inverse_batch: f32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> outcomes: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> logits_gradient: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 64u + lane;
    if at >= params.batch * params.stride {
        return;
    }
    let image = at / params.stride;
    let c = at % params.stride;
    let outcome = outcomes[image];
    var gradient = 0.0;
    if c < params.classes && outcome.w > 0.0 {
        let hot = select(0.0, 1.0 - params.smoothing, c == labels[image]);
        let expected = hot + params.smoothing / f32(params.classes);
        gradient = (exp(logits[at] - outcome.z) / outcome.w - expected) * params.inverse_batch;
    }
    logits_gradient[at] = gradient;
}
