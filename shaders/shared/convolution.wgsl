// Geometry of a convolution in NHWC. Channels in units of 4; padding at top and left, what is
// missing at bottom and right is zero as well, so symmetric and TensorFlow's SAME padding are both
// a matter of pad_y, pad_x and the output size.
struct Convolution {
    batch: u32,
    in_height: u32,
    in_width: u32,
    out_height: u32,
    out_width: u32,
    inputs: u32,
    outputs: u32,
    pad_y: u32,
    pad_x: u32,
    stride: u32,
    kernel: u32,
    slabs: u32,
    // What follows a depthwise convolution: many layers that differ in nothing else share a pipeline.
    activation: u32,
    slope: f32,
    // Of a workgroup of dense/forward_statistics: output groups side by side, and rows. Of depthwise kernels on matrix units: blocks or
    // images of a slab, and rows of a block. Of kernels that walk, nothing, and rows of a block or, of all images, of a slab.
    width: u32,
    down: u32,
}
