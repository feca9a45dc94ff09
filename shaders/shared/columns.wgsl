// Reducing [rows][channels] over its rows: a workgroup takes `width` neighbouring channel groups,
// with WORKGROUP / width invocations to a channel group, each striding over the rows of one slab.
struct Columns {
    rows: u32,
    channels: u32,
    width: u32,
    strips: u32,
    rows_per_slab: u32,
    slabs: u32,
    unused_0: u32,
    unused_1: u32,
}
