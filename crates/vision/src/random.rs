//! Counter-based random numbers: Philox4x32-10.
//!
//! Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
//! SC 2011. The generator is a keyed bijection of a 128-bit counter, so a stream has no state but its
//! position. Here the 64-bit key is the seed and the counter is (block, sample, epoch, purpose): two streams
//! never share a block, and any stream can be drawn on any thread at any time.

use serde::{Deserialize, Serialize};

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// What a sample's random numbers are keyed by, beside their purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RngKey {
    /// The seed of the whole run.
    pub seed: u64,
    /// The epoch, from 0; any counter for uses outside training.
    pub epoch: u32,
    /// The sample's index in the data set, not its place in the shuffled order; any counter for other uses.
    pub sample: u32,
}

/// What the numbers are used for. Each purpose has its own stream.
///
/// The numbers are part of the results of a seed: they never change and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// The order of the samples in an epoch.
    Shuffle = 1,
    /// Place and size of a random crop.
    Crop = 2,
    /// Whether a photo is mirrored.
    Flip = 3,
    /// Which activations are dropped.
    Dropout = 4,
    /// Initial weights.
    Init = 5,
    /// The split of a folder into training and validation.
    Split = 6,
    /// Tests.
    Test = 7,
    /// Which operations change a photo's colours and shape.
    Augment = 8,
    /// Which part of a photo is erased.
    Erase = 9,
    /// Which photos of a batch are mixed, and how.
    Mix = 10,
    /// How a photo's colours are changed.
    Color = 11,
    /// By what a photo is turned.
    Turn = 12,
}

/// One block of Philox4x32-10: four random words from a counter and a key.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut c = counter;
    let mut k = key;
    for round in 0..ROUNDS {
        if round > 0 {
            k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
        }
        let left = u64::from(MULTIPLIER[0]) * u64::from(c[0]);
        let right = u64::from(MULTIPLIER[1]) * u64::from(c[2]);
        c = [
            (right >> 32) as u32 ^ c[1] ^ k[0],
            right as u32,
            (left >> 32) as u32 ^ c[3] ^ k[1],
            left as u32,
        ];
    }
    c
}

/// The stream of random numbers of one (seed, epoch, sample, purpose).
///
/// A stream is 2^34 words long and then repeats.
#[derive(Clone, Debug)]
pub struct Random {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Random {
    /// The stream of `key` and `purpose`, at its beginning.
    pub fn new(key: RngKey, purpose: Purpose) -> Random {
        Random {
            key: [key.seed as u32, (key.seed >> 32) as u32],
            counter: [0, key.sample, key.epoch, purpose as u32],
            block: [0; 4],
            used: 4,
        }
    }

    /// The next word, uniform over all 2^32 values.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == self.block.len() {
            self.block = philox4x32(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let word = self.block[self.used];
        self.used += 1;
        word
    }

    /// The next two words, the first of them in the low half.
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        low | u64::from(self.next_u32()) << 32
    }

    /// Uniform in [0, 1), in steps of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 * STEP
    }

    /// Uniform between `lo` and `hi`: `lo + (hi - lo) * uniform()`, which rounding may bring up to `hi`.
    pub fn range(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * self.uniform()
    }

    /// A whole number uniform in 0 to `n - 1`, without bias; 0 if `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        // The product's high word is the answer. The low word tells which products lie in the short last
        // stretch, where some answers would come up once too often; those are drawn again.
        let surplus = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(n);
            if product as u32 >= surplus {
                return (product >> 32) as u32;
            }
        }
    }

    /// Normal with mean 0 and variance 1, by Box and Muller's method; always takes four words.
    pub fn normal(&mut self) -> f64 {
        // 1 - u lies in (0, 1], so the logarithm is finite.
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// From the beta distribution with parameters `a` and `b`, both above 0.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (a, b) = (self.log_gamma(a), self.log_gamma(b));
        // The first of two gamma variables over their sum, which might both be too small for their own logarithms.
        1.0 / (1.0 + libm::exp(b - a))
    }

    /// `count` shares of 1 from the symmetric Dirichlet distribution with parameter `a`, above 0.
    pub fn dirichlet(&mut self, a: f64, count: u32) -> Vec<f64> {
        let logs: Vec<f64> = (0..count).map(|_| self.log_gamma(a)).collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sizes: Vec<f64> = logs.iter().map(|log| libm::exp(log - largest)).collect();
        let all: f64 = sizes.iter().sum();
        sizes.into_iter().map(|size| size / all).collect()
    }

    /// The logarithm of a gamma variable of shape `shape`, above 0, and scale 1.
    ///
    /// Source: G. Marsaglia, W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000), with its step
    /// for shapes below 1.
    fn log_gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.log_gamma(shape + 1.0) + libm::log(1.0 - self.uniform()) / shape;
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let root = 1.0 + x / (9.0 * d).sqrt();
            let v = root * root * root;
            if v > 0.0 && libm::log(1.0 - self.uniform()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return libm::log(d * v);
            }
        }
    }

    /// Brings `items` into an order drawn uniformly from all orders (Fisher and Yates). Lists of up to
    /// 2^32 - 1 items; of a longer one only that many leading items change places.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        let length = u32::try_from(items.len()).unwrap_or(u32::MAX);
        for last in (1..length).rev() {
            let other = self.below(last + 1);
            items.swap(last as usize, other as usize);
        }
    }
}
