// How a depthwise kernel that leaves sums for batch normalisation is spread: a workgroup takes `down` rows of `images` images
// and a strip of channel groups, its invocations columns of these rows. The rows are a slab of `images` * `down` * width rows.
#import strip

struct Walk {
    in_height: u32,
    in_width: u32,
    out_height: u32,
    out_width: u32,
    channels: u32,
    pad_y: u32,
    pad_x: u32,
    // Channel groups of a workgroup, and workgroups beside one another.
    width: u32,
    strips: u32,
    // Rows of a workgroup, and workgroups below one another in an image.
    down: u32,
    blocks: u32,
    slabs: u32,
    // Images of a workgroup, and the invocations of a channel group that each of them has.
    images: u32,
    lanes: u32,
    unused_0: u32,
    unused_1: u32,
}

// What an invocation has of it: rows of image n from `top` on, and of their tiles every `params.lanes`th from `first` on.
struct Part {
    n: u32,
    top: u32,
    first: u32,
}

// Of invocation `first` of a channel group. Of several images some of them may be left over, which have nothing to do.
fn part_of(strip: Strip, first: u32) -> Part {
    let slab = min(strip.slab, params.slabs - 1u);
    return Part(slab / params.blocks * params.images + first / params.lanes, slab % params.blocks * params.down, first % params.lanes);
}

// The first row of workgroup `group`, the same for all of its invocations, as a loop around a barrier wants it.
fn top_of(group: u32) -> u32 {
    return min(group / params.strips, params.slabs - 1u) % params.blocks * params.down;
}

fn has_part(strip: Strip) -> bool {
    return strip.inside && strip.first < params.lanes * params.images;
}
