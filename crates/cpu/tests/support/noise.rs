//! Pseudo-random values, the same on every machine.

/// `count` values, uniform in `low` to `high`, of the stream `seed`.
pub fn between(seed: u64, count: usize, low: f32, high: f32) -> Vec<f32> {
    let unit = |at| (hash(seed, at) >> 40) as f32 / (1_u32 << 24) as f32;
    (0..count as u64).map(|at| low + (high - low) * unit(at)).collect()
}

/// `count` bytes of the stream `seed`.
pub fn bytes(seed: u64, count: usize) -> Vec<u8> {
    (0..count as u64).map(|at| (hash(seed, at) >> 56) as u8).collect()
}

/// splitmix64's finaliser on a counter.
fn hash(seed: u64, counter: u64) -> u64 {
    let mut z = (seed << 40 ^ counter).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
