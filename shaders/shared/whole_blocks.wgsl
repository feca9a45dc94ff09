// What kernels share that have all channels of a 1x1 convolution in a workgroup, on a device's matrix units, see blocks.
// The kernel declares `params`.
#import blocks

struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    rows_per_slab: u32,
    slabs: u32,
    // Where weights' gradients begin in `partial`.
    weights_at: u32,
    unused_0: u32,
    unused_1: u32,
}

// A workgroup's rows; of one beyond the last slab none, though there is a row at `begin` to load.
struct Slab {
    number: u32,
    begin: u32,
    end: u32,
}

fn slab_of(number: u32) -> Slab {
    let begin = min(number * params.rows_per_slab, params.rows - 1u);
    return Slab(number, begin, select(begin, min(begin + params.rows_per_slab, params.rows), number < params.slabs));
}
