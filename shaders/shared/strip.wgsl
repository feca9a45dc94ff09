// The part of one invocation of a workgroup of 64 in a reduction over rows: `width` neighbouring channel groups, with
// 64 / width invocations to each, which leave one slab's result.
struct Strip {
    slab: u32,
    channel: u32,
    channels: u32,
    width: u32,
    // Which of the invocations of a channel group this is, of how many.
    first: u32,
    lanes: u32,
    // Whether it has anything to do; all take part in barriers.
    inside: bool,
}

fn strip_of(group: u32, lane: u32, channels: u32, width: u32, strips: u32, slabs: u32) -> Strip {
    let slab = group / strips;
    let channel = (group % strips) * width + lane % width;
    let lanes = 64u / width;
    let first = lane / width;
    return Strip(slab, channel, channels, width, first, lanes, channel < channels && slab < slabs && first < lanes);
}
