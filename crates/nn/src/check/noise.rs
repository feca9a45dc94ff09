//! Pseudo-random inputs, the same on every machine, each exactly an `f32`.

/// A hash of `counter` in the stream `seed`: the finaliser of splitmix64 on a Weyl sequence.
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
fn hash(seed: u64, counter: u64) -> u64 {
    let stream = seed.wrapping_mul(0xd134_2543_de82_ef95);
    let mut z = (stream ^ counter.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `count` values, uniform in -1 to 1, of the stream `seed`.
pub(super) fn uniform(seed: u64, count: usize) -> Vec<f64> {
    between(seed, count, -1.0, 1.0)
}

/// `count` values, uniform in `low` to `high`, rounded to `f32`.
pub(super) fn between(seed: u64, count: usize, low: f64, high: f64) -> Vec<f64> {
    let unit = |i| (hash(seed, i) >> 40) as f64 / f64::from(1_u32 << 24);
    (0..count as u64).map(|i| f64::from((low + (high - low) * unit(i)) as f32)).collect()
}

/// `count` whole numbers below `bound`.
pub(super) fn below(seed: u64, count: usize, bound: u32) -> Vec<u32> {
    (0..count as u64).map(|i| ((hash(seed, i) >> 32) % u64::from(bound)) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_fill_the_interval() {
        let (a, b) = (uniform(1, 4096), uniform(2, 4096));
        assert!(a.iter().zip(&b).all(|(a, b)| a != b));
        let mean = a.iter().sum::<f64>() / 4096.0;
        let square = a.iter().map(|a| a * a).sum::<f64>() / 4096.0;
        assert!(mean.abs() < 0.05 && (square - 1.0 / 3.0).abs() < 0.02, "{mean} {square}");
        assert!(a.iter().all(|&a| (-1.0..1.0).contains(&a) && f64::from(a as f32) == a));
    }
}
