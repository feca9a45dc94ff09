// Leaves the two sums of a slab for batch normalisation's backward pass, see strip_pairs, of what the invocations of a workgroup have of a
// block's columns, see blocks: of channel group `group` of `channels` every fourth invocation. The kernel declares `partial`
// [slabs][2][channels]; every invocation of the workgroup must call it.
#import blocks

fn leave_pairs(lane: u32, slab: u32, group: u32, channels: u32, plain: vec4<f32>, weighted: vec4<f32>) {
    set_scratch(lane, plain);
    set_scratch(INVOCATIONS + lane, weighted);
    workgroupBarrier();
    if lane < 8u && group < channels {
        let kind = lane / 4u;
        var whole = scratch(kind * INVOCATIONS + lane % 4u);
        for (var i = 4u; i < INVOCATIONS; i += 4u) {
            whole += scratch(kind * INVOCATIONS + lane % 4u + i);
        }
        partial[(slab * 2u + kind) * channels + group] = whole;
    }
    workgroupBarrier();
}
