// Tiles that a subgroup of LANES invocations makes together, for software GPUs, which run them in the lanes of one vector register.
// What costs time there is loading: each lane's numbers one by one, dozens of instructions, beside one for LANES multiplications. So
// an operand is loaded once for the whole subgroup, a part of it by each lane, and `subgroupBroadcast` hands a lane's part to all, an
// instruction.
#import grid

const LANES = 8u;
// Kernels are unrolled for as many.
const_assert LANES == 8u;
// Subgroups of a workgroup, which follow one another: enough that starting it does not count, few enough that all processors have some.
const SUBGROUPS = 2u;

// The tile that an invocation works at, and its place in the subgroup. Beyond the last tile nothing may be stored, but all do their part.
struct Place {
    tile: u32,
    lane: u32,
}

fn place_of(group_id: vec3<u32>, grid: vec3<u32>, invocation: u32) -> Place {
    return Place(linear_group(group_id, grid) * SUBGROUPS + invocation / LANES, invocation % LANES);
}
