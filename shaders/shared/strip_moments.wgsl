// Leaves mean and sum of squared deviations of a slab: merges what the invocations of a channel group have.
// The kernel declares `partial` [slabs][2][channels]. Every invocation of the workgroup must call it, with the number of invocations
// to a channel group from a uniform.
#import moments
#import strip
#import tree

var<workgroup> means: array<vec4<f32>, WORKGROUP>;
var<workgroup> deviations: array<vec4<f32>, WORKGROUP>;
var<workgroup> counts: array<u32, WORKGROUP>;

fn leave_moments(strip: Strip, lane: u32, lanes: u32, own: Moments) {
    means[lane] = own.mean;
    deviations[lane] = own.deviations;
    counts[lane] = own.count;
    var merged = own;
    for (var apart = first_apart(lanes); apart > 0u; apart /= 2u) {
        workgroupBarrier();
        if strip.first < apart && strip.first + apart < lanes {
            let at = lane + apart * strip.width;
            merged = merge(merged, Moments(means[at], deviations[at], counts[at]));
            means[lane] = merged.mean;
            deviations[lane] = merged.deviations;
            counts[lane] = merged.count;
        }
    }
    if strip.inside && strip.first == 0u {
        let at = strip.slab * 2u * strip.channels + strip.channel;
        partial[at] = merged.mean;
        partial[at + strip.channels] = merged.deviations;
    }
}
