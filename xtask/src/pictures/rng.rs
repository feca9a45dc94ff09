//! Random numbers that are the same everywhere, for pictures that are the same everywhere.

/// SplitMix64: each number is a mix of a counter, so nearby seeds give unrelated numbers.
pub struct Rng(u64);

impl Rng {
    /// A generator for one purpose, named by a few numbers.
    pub fn keyed(keys: &[u64]) -> Self {
        let mut rng = Self(0x5EED);
        for &key in keys {
            rng.0 = rng.next() ^ key;
        }
        rng
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform between two bounds.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// About normal, mean 0 and deviation 1: the sum of four uniform numbers, scaled.
    pub fn normal(&mut self) -> f32 {
        let sum: f32 = (0..4).map(|_| self.unit()).sum();
        (sum - 2.0) * 3.0_f32.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_gives_the_same_numbers_and_another_key_others() {
        let numbers = |keys: &[u64]| {
            let mut rng = Rng::keyed(keys);
            (0..8).map(|_| rng.next()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&[1, 2]), numbers(&[1, 2]));
        assert_ne!(numbers(&[1, 2]), numbers(&[2, 1]));
        assert_ne!(numbers(&[1, 2]), numbers(&[1, 3]));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut rng = Rng::keyed(&[7]);
        let count = 20_000;
        let units: Vec<f32> = (0..count).map(|_| rng.unit()).collect();
        assert!(units.iter().all(|unit| (0.0..1.0).contains(unit)));
        assert!((units.iter().sum::<f32>() / count as f32 - 0.5).abs() < 0.01);
        let squares: f32 = (0..count).map(|_| rng.normal().powi(2)).sum();
        assert!((squares / count as f32 - 1.0).abs() < 0.03);
    }
}
