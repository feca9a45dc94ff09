// Mean and sum of squared deviations of `count` values.
// Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
struct Moments {
    mean: vec4<f32>,
    deviations: vec4<f32>,
    count: u32,
}

fn merge(a: Moments, b: Moments) -> Moments {
    let total = a.count + b.count;
    if b.count == 0u {
        return a;
    }
    let share = f32(b.count) / f32(total);
    let delta = b.mean - a.mean;
    return Moments(a.mean + delta * share, a.deviations + b.deviations + delta * delta * (f32(a.count) * share), total);
}
