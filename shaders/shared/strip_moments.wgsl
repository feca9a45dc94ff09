// Leaves mean and sum of squared deviations of a slab: merges what the invocations of a channel group have.
// The kernel declares `partial` [slabs][2][channels]. Every invocation of the workgroup must call it.
#import moments
#import strip

var<workgroup> means: array<vec4<f32>, WORKGROUP>;
var<workgroup> deviations: array<vec4<f32>, WORKGROUP>;
var<workgroup> counts: array<u32, WORKGROUP>;

fn leave_moments(strip: Strip, lane: u32, own: Moments) {
    means[lane] = own.mean;
    deviations[lane] = own.deviations;
    counts[lane] = own.count;
    workgroupBarrier();
    if strip.inside && strip.first == 0u {
        var merged = own;
        for (var other = 1u; other < strip.lanes; other += 1u) {
            let at = lane + other * strip.width;
            merged = merge(merged, Moments(means[at], deviations[at], counts[at]));
        }
        let at = strip.slab * 2u * strip.channels + strip.channel;
        partial[at] = merged.mean;
        partial[at + strip.channels] = merged.deviations;
    }
}
