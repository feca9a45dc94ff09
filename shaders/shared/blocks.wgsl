// What kernels share that make products of few channels on a device's matrix units, in blocks of SIDE x SIDE. A team of a workgroup, of
// which there are TEAMS, is as many invocations as a subgroup has where matrices are of 16x16; smaller matrices make the same blocks, a
// quarter each subgroup. Of a block's lines, in units of 4 channels, an invocation has those 8 apart.
// The kernel defines HALVES, how much of `halves` it takes, and POOL, of that or of sums in its place.
#import pool_sums

const SIDE: u32 = 16u;
const TEAM: u32 = 32u;
const INVOCATIONS: u32 = TEAM * TEAMS;
// Matrices along a side of a block, a subgroup for each place in it.
const PARTS: u32 = SIDE / EDGE;
const LANES: u32 = EDGE * EDGE / 8u;
const_assert PARTS * EDGE == SIDE && PARTS * PARTS * LANES == TEAM;

// As in shared/matrix/gemm.
var<workgroup> pool: array<vec2<f32>, POOL>;
var<workgroup> halves: array<vec4<f16>, HALVES>;

fn put(at: u32, four: vec4<f16>) {
    halves[at] = four;
}

// Where the subgroup's matrix begins in a block.
fn part_row(lane: u32) -> u32 {
    return lane % TEAM / LANES / PARTS * EDGE;
}

fn part_column(lane: u32) -> u32 {
    return lane % TEAM / LANES % PARTS * EDGE;
}
