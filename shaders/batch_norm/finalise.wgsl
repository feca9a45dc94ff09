// Merges the slabs' statistics and prepares the normalisation of a training step.
// partial [slabs][2][channels] from batch_norm/statistics; gamma, beta [channels];
// running [2][channels]: mean, variance, updated as running = keep * running + (1 - keep) * batch, the variance
// times variance_factor: 1 for the biased one (Paddle), n / (n - 1) for the unbiased one (PyTorch);
// moments [4][channels]: mean, 1 / sqrt(variance + epsilon), scale, shift, so that y = x * scale + shift.
// With one row there is nothing to normalise: y = x and the running statistics stay, as Paddle does.
#import grid

struct Params {
    channels: u32,
    rows: u32,
    rows_per_slab: u32,
    slabs: u32,
    epsilon: f32,
    keep: f32,
    variance_factor: f32,
    unused_0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> beta: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> running: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> moments: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.channels;
    let c = linear_group(group_id, grid) * 64u + lane;
    if c >= channels {
        return;
    }
    if params.rows == 1u {
        moments[c] = vec4<f32>(0.0);
        moments[channels + c] = vec4<f32>(1.0);
        moments[2u * channels + c] = vec4<f32>(1.0);
        moments[3u * channels + c] = vec4<f32>(0.0);
        return;
    }
    var mean = partial[c];
    var deviation = partial[channels + c];
    var count = min(params.rows_per_slab, params.rows);
    for (var slab = 1u; slab < params.slabs; slab += 1u) {
        let more = min(params.rows_per_slab, params.rows - slab * params.rows_per_slab);
        let total = f32(count + more);
        let delta = partial[(slab * 2u) * channels + c] - mean;
        mean += delta * (f32(more) / total);
        deviation += partial[(slab * 2u + 1u) * channels + c] + delta * delta * (f32(count) * f32(more) / total);
        count += more;
    }
    let variance = deviation / f32(params.rows);
    let inverse = 1.0 / sqrt(variance + params.epsilon);
    let scale = gamma[c] * inverse;
    moments[c] = mean;
    moments[channels + c] = inverse;
    moments[2u * channels + c] = scale;
    moments[3u * channels + c] = beta[c] - mean * scale;
    running[c] = running[c] * params.keep + mean * (1.0 - params.keep);
    running[channels + c] =
        running[channels + c] * params.keep + variance * (params.variance_factor * (1.0 - params.keep));
}
