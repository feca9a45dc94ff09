// What a workgroup of the dense kernels in training has: a strip of `params.width` output groups, and `params.down` rows of an image.
// The kernel declares `params`.
#import convolution
#import strip

fn own_strip(group: u32, lane: u32) -> Strip {
    let strips = (params.outputs + params.width - 1u) / params.width;
    return strip_of(group, lane, params.outputs, params.width, strips, params.slabs);
}

// Rows of image n from `top` on.
struct Block {
    n: u32,
    top: u32,
}

fn block_of(slab: u32) -> Block {
    let blocks = params.out_height / params.down;
    return Block(slab / blocks, slab % blocks * params.down);
}

fn own_block(strip: Strip) -> Block {
    return block_of(strip.slab);
}
