// The filters of a workgroup's channel groups in workgroup memory, where every invocation finds all of its filter for every row:
// the places are known when the shader is compiled, while those of `weights` [kernel][kernel][channels] would be kept in more
// registers than there are to spare. No more memory than the strip's own filters take: a processor may have 48 KiB of it for all its
// workgroups.
#import strip

// As many as the strip is wide, or some more.
override FILTERS: u32 = 32u;

var<workgroup> filters: array<vec4<f32>, KERNEL * KERNEL * FILTERS>;
var<private> own_filter: u32;

// Every invocation of the workgroup must call it.
fn share_filters(strip: Strip, lane: u32) {
    own_filter = lane % strip.width;
    if strip.inside {
        for (var tap = strip.first; tap < KERNEL * KERNEL; tap += strip.lanes) {
            filters[tap * FILTERS + own_filter] = weights[tap * strip.channels + strip.channel];
        }
    }
    workgroupBarrier();
}

fn filter_at(tap: u32) -> vec4<f32> {
    return filters[tap * FILTERS + own_filter];
}
