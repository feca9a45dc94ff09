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

fn with_value(so_far: Pivoted, value: vec4<f32>) -> Pivoted {
    let pivot = select(so_far.pivot, value, so_far.count == 0u);
    let deviation = value - pivot;
    return Pivoted(so_far.count + 1u, pivot, so_far.sum + deviation, so_far.squares + deviation * deviation);
}

fn moments_of(all: Pivoted) -> Moments {
    let share = 1.0 / f32(max(all.count, 1u));
    let deviations = max(all.squares - all.sum * all.sum * share, vec4<f32>(0.0));
    return Moments(all.pivot + all.sum * share, deviations, all.count);
}
