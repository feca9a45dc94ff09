// A number of turns that a compiler does not know (Mesa's, measured), so that it does not unroll a loop: loads and stores take longest to
// compile on software GPUs, some 40 ms each, and stand there once. What a turn loads goes into registers all the same, if it always becomes
// the last of them and the others move up; what it stores is of a copy that it may index, but not by the loop's counter alone, since the
// length of the copy would tell how far that goes.
// The kernel declares `params` of convolution.
fn turns(count: u32) -> u32 {
    return select(0u, count, params.batch != 0u);
}
