// Leaves mean and sum of squared deviations of a slab, of what the invocations of a workgroup have of a block's columns, see blocks: of
// channel group `group` every fourth invocation. The kernel declares `params` and `partial` [slabs][2][outputs]; every invocation of the
// workgroup must call it.
#import pivoted
#import blocks

fn leave_moments(lane: u32, slab: u32, group: u32, own: Pivoted) {
    let all = moments_of(own);
    set_scratch(lane, all.mean);
    set_scratch(INVOCATIONS + lane, all.deviations);
    set_scratch(2u * INVOCATIONS + lane, vec4<f32>(f32(all.count)));
    workgroupBarrier();
    if lane < 4u && group < params.outputs {
        var merged = all;
        for (var i = lane + 4u; i < INVOCATIONS; i += 4u) {
            let count = u32(scratch(2u * INVOCATIONS + i).x);
            merged = merge(merged, Moments(scratch(i), scratch(INVOCATIONS + i), count));
        }
        partial[slab * 2u * params.outputs + group] = merged.mean;
        partial[(slab * 2u + 1u) * params.outputs + group] = merged.deviations;
    }
    workgroupBarrier();
}
