// What `lanes` invocations of a workgroup have, `width` apart from one another, is joined in a tree: each step joins those that lie
// `apart`, which begins with this and is halved down to 1. So log2(lanes) steps wait for one another, and not lanes - 1. Of one alone
// nothing is joined: 0. tree_sums, tree_pairs and tree_moments do it for their kinds: all invocations must call them, with `lanes` from a
// uniform; `first` is which of them one is, and the first of all gets what all have, the others parts of it. The kernel has WORKGROUP.
fn first_apart(lanes: u32) -> u32 {
    return select(0u, 1u << firstLeadingBit(max(lanes, 2u) - 1u), lanes > 1u);
}
