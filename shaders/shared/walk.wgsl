// How a depthwise kernel that leaves sums for batch normalisation is spread: a workgroup takes `down` rows of an image
// and a strip of channel groups, its invocations columns of these rows. The rows are a slab of `down` * width rows.
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
}
