// Leaves the two sums of a slab for batch normalisation's backward pass: of the gradient g that arrives behind the
// normalisation, and of g x', x' = (x - mean) / sqrt(variance + epsilon).
// The kernel declares `partial` [slabs][2][channels]. Every invocation of the workgroup must call it, with the number of invocations
// to a channel group from a uniform.
#import strip
#import tree_pairs

fn leave_pairs(strip: Strip, lane: u32, lanes: u32, own: Pair) {
    let all = tree_pair(lane, strip.first, lanes, strip.width, own);
    if strip.inside && strip.first == 0u {
        let at = strip.slab * 2u * strip.channels + strip.channel;
        partial[at] = all.sum;
        partial[at + strip.channels] = all.product;
    }
}
