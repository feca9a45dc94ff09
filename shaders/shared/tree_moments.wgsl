// Moments, see tree.
#import moments
#import tree

var<workgroup> means: array<vec4<f32>, WORKGROUP>;
var<workgroup> deviations: array<vec4<f32>, WORKGROUP>;
var<workgroup> counts: array<u32, WORKGROUP>;

fn tree_moments(lane: u32, first: u32, lanes: u32, width: u32, own: Moments) -> Moments {
    var merged = own;
    means[lane] = merged.mean;
    deviations[lane] = merged.deviations;
    counts[lane] = merged.count;
    for (var apart = first_apart(lanes); apart > 0u; apart /= 2u) {
        workgroupBarrier();
        if first < apart && first + apart < lanes {
            let at = lane + apart * width;
            merged = merge(merged, Moments(means[at], deviations[at], counts[at]));
            means[lane] = merged.mean;
            deviations[lane] = merged.deviations;
            counts[lane] = merged.count;
        }
    }
    return merged;
}
