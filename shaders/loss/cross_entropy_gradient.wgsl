// Gradient of the mean loss of loss/cross_entropy with respect to the logits:
// logits_gradient[n, c] = (softmax(z)[c] * all - weights[c] target[c]) * scale * inverse_batch, where all is the sum of
// weights[c] target[c]; 0 for rows and padding that do not count.
// logits, logits_gradient [n][stride]; answers [n]; weights [classes]; outcomes [n] from loss/cross_entropy.
#import grid
#import answer

struct Params {
    batch: u32,
    classes: u32,
    stride: u32,
    smoothing: f32,
    mean_weight: f32,
    inverse_batch: f32,
    unused_0: u32,
    unused_1: u32,
}

override WEIGHTED: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> answers: array<Answer>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read> outcomes: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> logits_gradient: array<f32>;

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
        let wanted = answers[image];
        let kept = 1.0 - params.smoothing;
        let hot = select(0.0, 1.0 - wanted.share, c == wanted.first) + select(0.0, wanted.share, c == wanted.second);
        var expected = kept * hot + params.smoothing / f32(params.classes);
        var all = 1.0;
        if WEIGHTED {
            let second = min(wanted.second, params.classes - 1u);
            let labelled = (1.0 - wanted.share) * weights[wanted.first] + wanted.share * weights[second];
            all = kept * labelled + params.smoothing * params.mean_weight;
            expected *= weights[c];
        }
        let probability = exp(logits[at] - outcome.z) / outcome.w;
        gradient = (probability * all - expected) * params.inverse_batch * wanted.scale;
    }
    logits_gradient[at] = gradient;
}
