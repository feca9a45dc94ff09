// A number of turns that no compiler knows, so that none unrolls a loop: loads and stores take longest to compile on software GPUs, some
// 40 ms each, and stand there once. What a turn loads goes into registers all the same, if it always becomes the last of them and the
// others move up; what it stores is of a copy that it may index, by the difference of two numbers of which no compiler knows either.
// The kernel declares `params` of convolution.
fn turns(count: u32) -> u32 {
    return select(0u, count, params.batch != 0u);
}
