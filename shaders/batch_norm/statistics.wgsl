// Mean and sum of squared deviations of each channel over the rows of a slab.
// input [rows][channels], partial [slabs][2][channels]: mean, then M2; units of 4 channels.
// Welford's update along the rows, Chan's merge between invocations: no cancellation as in E[x^2] - E[x]^2.
#import grid
#import columns
#import moments

@group(0) @binding(0) var<uniform> params: Columns;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;

var<workgroup> means: array<vec4<f32>, 64>;
var<workgroup> deviations: array<vec4<f32>, 64>;
var<workgroup> counts: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let slab = group / params.strips;
    let channel = (group % params.strips) * params.width + lane % params.width;
    let lanes = 64u / params.width;
    let first = lane / params.width;
    let begin = slab * params.rows_per_slab;
    let end = min(begin + params.rows_per_slab, params.rows);
    var mean = vec4<f32>(0.0);
    var deviation = vec4<f32>(0.0);
    var count = 0u;
    if channel < params.channels && first < lanes && slab < params.slabs {
        for (var row = begin + first; row < end; row += lanes) {
            let value = input[row * params.channels + channel];
            count += 1u;
            let delta = value - mean;
            mean += delta * (1.0 / f32(count));
            deviation += delta * (value - mean);
        }
    }
    means[lane] = mean;
    deviations[lane] = deviation;
    counts[lane] = count;
    workgroupBarrier();
    if first == 0u && channel < params.channels && slab < params.slabs {
        var merged = Moments(mean, deviation, count);
        for (var other = 1u; other < lanes; other += 1u) {
            let at = lane + other * params.width;
            merged = merge(merged, Moments(means[at], deviations[at], counts[at]));
        }
        partial[(slab * 2u) * params.channels + channel] = merged.mean;
        partial[(slab * 2u + 1u) * params.channels + channel] = merged.deviations;
    }
}
