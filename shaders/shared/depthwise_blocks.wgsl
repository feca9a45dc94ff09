// What depthwise kernels on a device's matrix units share, see blocks: a workgroup has SIDE channels, `strip` says which, and in workgroup
// memory lie positions of them, in units of 4 channels. The kernel declares `params`.
#import blocks

// Of a position, with the gap of shared/matrix/gemm.
const LINE: u32 = 6u;
const_assert INVOCATIONS % 4u == 0u;

// Of a team's block of sums in single precision, in units of 4.
const SUM_LINE: u32 = 5u;
const OWN_SUMS: u32 = SIDE * SUM_LINE;

// Gradients are taken times as much.
const LARGER: f32 = f32(1u << SHIFT);

// An invocation's load h is one of four neighbouring vec4 of this position.
fn position_of(lane: u32, h: u32) -> u32 {
    return (lane + h * INVOCATIONS) / 4u;
}

struct Place {
    slab: u32,
    strip: u32,
    // The invocation's channel group, or the last that there is, and whether it is its own.
    channel: u32,
    own: bool,
}

fn place_of(group: u32, lane: u32) -> Place {
    let strips = (params.outputs + 3u) / 4u;
    let wanted = group % strips * 4u + lane % 4u;
    return Place(group / strips, group % strips, min(wanted, params.outputs - 1u), wanted < params.outputs);
}
