// The part of one invocation of a workgroup in a reduction over rows: `width` neighbouring channel groups, with
// WORKGROUP / width invocations to each, which leave one slab's result.
override WORKGROUP: u32 = 64u;

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
    let lanes = WORKGROUP / width;
    let first = lane / width;
    return Strip(slab, channel, channels, width, first, lanes, channel < channels && slab < slabs && first < lanes);
}
