// The statistics of values that come one by one. Sums are taken of the difference from the first: no cancellation as in
// E[x^2] - E[x]^2, and no division for each value as in Welford's update.
#import moments

struct Pivoted {
    count: u32,
    pivot: vec4<f32>,
    sum: vec4<f32>,
    squares: vec4<f32>,
}

fn nothing_yet() -> Pivoted {
    return Pivoted(0u, vec4<f32>(0.0), vec4<f32>(0.0), vec4<f32>(0.0));
}

// The first value is what the others are compared with.
fn with_pivot(so_far: Pivoted, value: vec4<f32>) -> Pivoted {
    let pivot = select(so_far.pivot, value, so_far.count == 0u);
    return Pivoted(so_far.count, pivot, so_far.sum, so_far.squares);
}

// With a value that is `inside`; a branch would cost more than what it saves.
fn with_value(so_far: Pivoted, value: vec4<f32>, inside: bool) -> Pivoted {
    let deviation = select(vec4<f32>(0.0), value - so_far.pivot, inside);
    let count = so_far.count + u32(inside);
    return Pivoted(count, so_far.pivot, so_far.sum + deviation, so_far.squares + deviation * deviation);
}

fn moments_of(all: Pivoted) -> Moments {
    let share = 1.0 / f32(max(all.count, 1u));
    let deviations = max(all.squares - all.sum * all.sum * share, vec4<f32>(0.0));
    return Moments(all.pivot + all.sum * share, deviations, all.count);
}
