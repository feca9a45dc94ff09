// Merges the slabs' statistics and prepares the normalisation of a training step.
// partial [slabs][2][channels] from batch_norm/statistics; gamma, beta [channels];
// running [2][channels]: mean, variance, updated as running = keep * running + (1 - keep) * batch, the variance
// times variance_factor: 1 for the biased one (Paddle), n / (n - 1) for the unbiased one (PyTorch);
// moments [4][channels]: mean, 1 / sqrt(variance + epsilon), scale, shift, so that y = x * scale + shift.
// A workgroup takes `width` channel groups, with WORKGROUP / width invocations over the slabs of each.
// With one row there is nothing to normalise: y = x and the running statistics stay, as Paddle does.
#import grid
#import tree_moments

struct Params {
    channels: u32,
    rows: u32,
    rows_per_slab: u32,
    slabs: u32,
    epsilon: f32,
    keep: f32,
    variance_factor: f32,
    width: u32,
}

// Few slabs are merged by a few invocations, thousands by many.
override WORKGROUP: u32 = 256u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> beta: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> running: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> moments: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.channels;
    let lanes = WORKGROUP / params.width;
    let first = lane / params.width;
    let c = linear_group(group_id, grid) * params.width + lane % params.width;
    let inside = c < channels && first < lanes;
    var merged = Moments(vec4<f32>(0.0), vec4<f32>(0.0), 0u);
    if inside {
        // Eight at a time, so that their loads are on their way together; beyond the last are slabs of no rows.
        for (var slab = first; slab < params.slabs; slab += 8u * lanes) {
            var loaded: array<Moments, 8>;
            #unroll i 8
                let own = slab + i * lanes;
                let at = min(own, params.slabs - 1u) * 2u * channels + c;
                let rows = min(params.rows_per_slab, params.rows - min(own * params.rows_per_slab, params.rows));
                loaded[i] = Moments(partial[at], partial[at + channels], rows);
            #end
            #unroll i 8
                merged = merge(merged, loaded[i]);
            #end
        }
    }
    merged = tree_moments(lane, first, lanes, params.width, merged);
    if first != 0u || !inside {
        return;
    }
    if params.rows == 1u {
        moments[c] = vec4<f32>(0.0);
        moments[channels + c] = vec4<f32>(1.0);
        moments[2u * channels + c] = vec4<f32>(1.0);
        moments[3u * channels + c] = vec4<f32>(0.0);
        return;
    }
    let mean = merged.mean;
    let variance = merged.deviations / f32(params.rows);
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
