// The weight gradient of a depthwise convolution on a device's matrix units, see blocks: the product of SIDE positions of the input, turned,
// and of as many of the gradient is a block of SIDE x SIDE sums, of which the diagonal is a tap's gradient of SIDE channels. So most of what
// the units multiply is for nothing; but each value is loaded, normalised and activated once and not for every filter row, and multiplying
// takes few instructions. A workgroup has SIDE channels, `strip` says which, and each of its KERNEL teams a filter column.
// The kernel declares `params` and `partial`, and defines HALVES.
#import depthwise_blocks

// At the end there are a block's sums of each team.
const POOL: u32 = max(HALVES, 2u * TEAMS * OWN_SUMS);
const_assert TEAMS == KERNEL;

// Of the team's tap in filter row i.
fn leave_diagonal(sums: MatrixSum, slab: u32, i: u32, strip: u32, lane: u32) {
    let j = lane / TEAM;
    let own = lane % TEAM;
    coopStoreT(sums, &pool[2u * (j * OWN_SUMS + part_row(lane) * SUM_LINE + part_column(lane) / 4u)], 2u * SUM_LINE);
    workgroupBarrier();
    if own < 4u && strip * 4u + own < params.outputs {
        let at = j * OWN_SUMS + 4u * own * SUM_LINE + own;
        let diagonal = vec4<f32>(scratch(at).x, scratch(at + SUM_LINE).y, scratch(at + 2u * SUM_LINE).z, scratch(at + 3u * SUM_LINE).w);
        partial[((slab * KERNEL + i) * KERNEL + j) * params.outputs + strip * 4u + own] = diagonal / LARGER;
    }
    workgroupBarrier();
}
