// A launch that does the same to several tensors: parts, each with workgroups of its own. The kernel defines Part, with its first
// workgroup, `group`, and MOST_PARTS, and declares `params`.
struct Params {
    parts: array<Part, MOST_PARTS>,
    count: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

fn part_of(group: u32) -> Part {
    var which = 0u;
    for (var other = 1u; other < params.count; other += 1u) {
        which = select(which, other, group >= params.parts[other].group);
    }
    return params.parts[which];
}
