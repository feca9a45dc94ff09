// How an image lies in workgroup memory that is so small that a workgroup has it whole, see depthwise_blocks.
// Lines of a convolution's input lie one behind the other with no more zeros between them than a filter needs, which end one line and begin
// the next. Positions of its output are counted with lines of as many, so that a tap of any of them is as far from it as of any other: what
// follows one another in a matrix may go on in the next line. At stride 2 the even lines of the input come before the odd ones, and a line
// has two positions for each of the output's.
// The kernel declares `params`, of which `width` is the images of a slab. There is room for PIXELS positions of the input; an invocation has
// LOADS of at most INPUTS that are not zero.
#import convolution
#import depthwise_blocks

const_assert LOADS * INVOCATIONS >= INPUTS * 4u;

// Positions of a line of outputs.
fn pitch() -> u32 {
    return (STRIDE * (params.out_width - 1u) + KERNEL - params.pad_x + STRIDE - 1u) / STRIDE;
}

// Where a line of the input begins, counted from the first that a filter meets.
fn line_at(line: u32) -> u32 {
    let of_even = params.out_height + (KERNEL - 1u) / STRIDE;
    return (line % STRIDE * of_even + line / STRIDE) * STRIDE * pitch();
}

// Where a pixel of the input lies.
fn pixel_at(pixel: u32) -> u32 {
    return line_at(pixel / params.in_width + params.pad_y) + pixel % params.in_width + params.pad_x;
}

// A pixel of the input in memory; beyond the last image or pixel that one.
fn input_at(image: u32, pixel: u32, channel: u32) -> u32 {
    let pixels = params.in_height * params.in_width;
    return (min(image, params.batch - 1u) * pixels + min(pixel, pixels - 1u)) * params.outputs + channel;
}

fn clear(lane: u32, halves: u32) {
    for (var at = lane; at < halves; at += INVOCATIONS) {
        put(at, vec4<f16>());
    }
    workgroupBarrier();
}
