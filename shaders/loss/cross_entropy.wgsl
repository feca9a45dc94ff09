// Softmax cross-entropy with label smoothing and up to two labels an image, one workgroup an image.
// target as in shared/answer; loss = scale * sum over c of weights[c] target[c] (logsumexp(z) - z[c]), weights all 1 unless WEIGHTED.
// logits [n][stride]; answers [n]; weights [classes];
// outcomes [n]: loss, rank of the first label (how many classes come before it; ties go to the lower index),
// largest logit, sum of exp(logit - largest), which is 1 or more, or 0 where the row does not count.
#import grid
#import answer

struct Params {
    batch: u32,
    classes: u32,
    stride: u32,
    smoothing: f32,
    // Of the weights.
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
@group(0) @binding(4) var<storage, read_write> outcomes: array<vec4<f32>>;

var<workgroup> shared_max: array<f32, 64>;
var<workgroup> shared_exp: array<f32, 64>;
var<workgroup> shared_sum: array<f32, 64>;
var<workgroup> shared_rank: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let image = min(linear_group(group_id, grid), params.batch - 1u);
    let row = image * params.stride;
    let wanted = answers[image];
    let label = wanted.first;
    let counts = label < params.classes;
    let first = select(0u, label, counts);
    let second = min(wanted.second, params.classes - 1u);
    let own = logits[row + first];
    var largest = logits[row];
    for (var c = lane; c < params.classes; c += 64u) {
        largest = max(largest, logits[row + c]);
    }
    shared_max[lane] = largest;
    workgroupBarrier();
    for (var other = 0u; other < 64u; other += 1u) {
        largest = max(largest, shared_max[other]);
    }
    var sum_exp = 0.0;
    var sum = 0.0;
    var rank = 0u;
    for (var c = lane; c < params.classes; c += 64u) {
        let z = logits[row + c];
        sum_exp += exp(z - largest);
        // Relative to the maximum, so that the smoothed target's sum loses no digits.
        var relative = z - largest;
        if WEIGHTED {
            relative *= weights[c];
        }
        sum += relative;
        rank += u32(z > own || (z == own && c < label));
    }
    shared_exp[lane] = sum_exp;
    shared_sum[lane] = sum;
    shared_rank[lane] = rank;
    workgroupBarrier();
    if lane == 0u {
        for (var other = 1u; other < 64u; other += 1u) {
            sum_exp += shared_exp[other];
            sum += shared_sum[other];
            rank += shared_rank[other];
        }
        let log_sum = log(sum_exp);
        var shares = vec2<f32>(1.0 - wanted.share, wanted.share);
        var all = 1.0;
        if WEIGHTED {
            shares *= vec2<f32>(weights[first], weights[second]);
            all = (1.0 - params.smoothing) * (shares.x + shares.y) + params.smoothing * params.mean_weight;
        }
        let labelled = shares.x * (own - largest) + shares.y * (logits[row + second] - largest);
        let target_sum = (1.0 - params.smoothing) * labelled + params.smoothing / f32(params.classes) * sum;
        let loss = select(0.0, wanted.scale * (all * log_sum - target_sum), counts);
        // Not their logsumexp, which among large logits would lose the digits of its small part.
        outcomes[image] = vec4<f32>(loss, f32(rank), largest, select(0.0, max(sum_exp, 1.0), counts));
    }
}
