// Merges the slabs' statistics and prepares the normalisation of a training step.
// partial [slabs][2][channels] from batch_norm/statistics; gamma, beta [channels];
// running [2][channels]: mean, variance, updated as running = keep * running + (1 - keep) * batch, the variance
// times variance_factor: 1 for the biased one (Paddle), n / (n - 1) for the unbiased one (PyTorch);
// moments [4][channels]: mean, 1 / sqrt(variance + epsilon), scale, shift, so that y = x * scale + shift.
// A workgroup takes `width` channel groups, with WORKGROUP / width invocations over the slabs of each.
// With one row there is nothing to normalise: y = x and the running statistics stay, as Paddle does.
#import grid
#import tree_sums

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

// Of a slab the rows, the mean, and the sum of squared deviations from it.
struct Slab {
    rows: f32,
    mean: vec4<f32>,
    deviations: vec4<f32>,
}

// Behind the last slab are some of no rows: no branch stands around a load.
fn slab_at(slab: u32, channel: u32) -> Slab {
    let at = min(slab, params.slabs - 1u) * 2u * params.channels + channel;
    let before = min(slab * params.rows_per_slab, params.rows);
    let rows = select(0u, min(params.rows_per_slab, params.rows - before), slab < params.slabs);
    return Slab(f32(rows), partial[at], partial[at + params.channels]);
}

// AT_ONCE of an invocation, on their way together.
alias Slabs = array<Slab, AT_ONCE>;

fn slabs_at(first: u32, lanes: u32, channel: u32) -> Slabs {
    var slabs: Slabs;
    #unroll i AT_ONCE
        slabs[i] = slab_at(first + i * lanes, channel);
    #end
    return slabs;
}

fn sum_of(slabs: Slabs) -> vec4<f32> {
    var sum = vec4<f32>(0.0);
    #unroll i AT_ONCE
        sum += slabs[i].mean * slabs[i].rows;
    #end
    return sum;
}

fn deviations_from(mean: vec4<f32>, slabs: Slabs) -> vec4<f32> {
    var sum = vec4<f32>(0.0);
    #unroll i AT_ONCE
        let apart = slabs[i].mean - mean;
        sum += select(vec4<f32>(0.0), slabs[i].deviations, slabs[i].rows > 0.0) + apart * apart * slabs[i].rows;
    #end
    return sum;
}

// What all invocations of a channel group have, for each of them.
fn for_all(lane: u32, first: u32, lanes: u32, own: vec4<f32>) -> vec4<f32> {
    _ = tree_sum(lane, first, lanes, params.width, own);
    workgroupBarrier();
    let whole = sums[lane % params.width];
    workgroupBarrier();
    return whole;
}

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
    let known = min(c, channels - 1u);
    let inside = c < channels && first < lanes;
    // What is needed of memory is on its way together: AT_ONCE slabs, which on GPUs nearly always are all, and the parameters.
    let slabs = slabs_at(first, lanes, known);
    let factor = gamma[known];
    let offset = beta[known];
    let old_mean = running[known];
    let old_variance = running[channels + known];
    // The mean of all first, and then the deviations from it: no division for each slab, as where two are merged at a time.
    var sum = sum_of(slabs);
    for (var slab = first + AT_ONCE * lanes; slab < params.slabs; slab += AT_ONCE * lanes) {
        sum += sum_of(slabs_at(slab, lanes, known));
    }
    let mean = for_all(lane, first, lanes, select(vec4<f32>(0.0), sum, inside)) / f32(params.rows);
    sum = deviations_from(mean, slabs);
    for (var slab = first + AT_ONCE * lanes; slab < params.slabs; slab += AT_ONCE * lanes) {
        sum += deviations_from(mean, slabs_at(slab, lanes, known));
    }
    let variance = tree_sum(lane, first, lanes, params.width, select(vec4<f32>(0.0), sum, inside)) / f32(params.rows);
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
    let inverse = 1.0 / sqrt(variance + params.epsilon);
    let scale = factor * inverse;
    moments[c] = mean;
    moments[channels + c] = inverse;
    moments[2u * channels + c] = scale;
    moments[3u * channels + c] = offset - mean * scale;
    running[c] = old_mean * params.keep + mean * (1.0 - params.keep);
    running[channels + c] = old_variance * params.keep + variance * (params.variance_factor * (1.0 - params.keep));
}
