// What `lanes` invocations have is joined in a tree: each step joins those that lie `apart`, which begins with this and is halved
// down to 1. So log2(lanes) steps wait for one another, and not lanes - 1. Of one alone nothing is joined: 0.
fn first_apart(lanes: u32) -> u32 {
    return select(0u, 1u << firstLeadingBit(max(lanes, 2u) - 1u), lanes > 1u);
}
