// Leaves mean and sum of squared deviations of a slab: merges what the invocations of a channel group have.
// The kernel declares `partial` [slabs][2][channels]. Every invocation of the workgroup must call it, with the number of invocations
// to a channel group from a uniform.
#import strip
#import tree_moments

fn leave_moments(strip: Strip, lane: u32, lanes: u32, own: Moments) {
    let merged = tree_moments(lane, strip.first, lanes, strip.width, own);
    if strip.inside && strip.first == 0u {
        let at = strip.slab * 2u * strip.channels + strip.channel;
        partial[at] = merged.mean;
        partial[at + strip.channels] = merged.deviations;
    }
}
