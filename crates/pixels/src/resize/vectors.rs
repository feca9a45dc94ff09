//! The passes of a resize on vectors, in the same integers as the plain ones.
//!
//! One instruction multiplies 16 samples by 16-bit weights and adds neighbours, so two taps at once. Pillow's weights
//! have 22 fractional bits and go in two parts, `high * 2^11 + low`, whose sums are put together at the end: modulo 2^32
//! that is the sum of the whole products.
//!
//! All of it must run on a processor that has the instructions ([`available`]).
//!
//! In what runs for each sample no closure is handed to a function of the standard library (`map`, `from_fn`): those are compiled
//! without AVX2, so that nothing of it would be inlined into them, and all would take three times as long.

use super::lanes::{self, Halves};
use super::opencv::{LINEAR_CUT, kernel_row};
use super::pillow::{BLOCK, HALF, WEIGHT_BITS};

/// Bits of the lower part of a weight that goes in two.
const LOW_BITS: u32 = 11;

pub(super) use super::lanes::{PAIRS_OF_ROWS, available};

/// Two neighbouring weights as one instruction takes them.
fn pair(first: i32, second: i32) -> i32 {
    (first & 0xFFFF) | (second << 16)
}

fn high(weight: i32) -> i32 {
    weight >> LOW_BITS
}

fn low(weight: i32) -> i32 {
    weight & ((1 << LOW_BITS) - 1)
}

/// The weights of a pass along rows of pixels, in groups of 2 or 4 taps.
pub(super) struct Weights {
    /// Of each result pixel: the byte where its first tap begins, and the end of its weights.
    runs: Vec<(usize, usize)>,
    /// Of each group its pairs: the low parts (or the whole weights), then the high ones where there are two parts.
    pairs: Vec<i32>,
    /// Bytes of a row that are read, which can be some more than it has: their weights are 0.
    pub reach: usize,
}

impl Weights {
    /// From the first source pixel and the weights of each result pixel: whole weights of 16 bits, or Pillow's in two
    /// parts.
    pub fn new<const PAIRS: usize, const TWO_PARTS: bool>(
        taps: impl Iterator<Item = (usize, impl AsRef<[i32]>)>,
    ) -> Weights {
        let mut weights = Weights { runs: Vec::new(), pairs: Vec::new(), reach: 0 };
        for (first, taps) in taps {
            let groups = taps.as_ref().chunks(2 * PAIRS);
            weights.reach = weights.reach.max(first * 3 + (groups.len() - 1) * PAIRS * 6 + PAIRS * 8);
            for group in groups {
                let at = |k: usize| group.get(k).copied().unwrap_or(0);
                let pairs = |part: fn(i32) -> i32| {
                    (0..PAIRS).map(move |k| pair(part(at(2 * k)), part(at(2 * k + 1))))
                };
                if TWO_PARTS {
                    weights.pairs.extend(pairs(low).chain(pairs(high)));
                } else {
                    weights.pairs.extend(pairs(|weight| weight));
                }
            }
            weights.runs.push((first * 3, weights.pairs.len()));
        }
        weights
    }
}

/// How the sums of a pass along rows become samples.
pub(super) trait Samples {
    type Sample: Copy;
    /// Where a sum begins.
    const START: i32;
    /// Of four sums of a pixel in each of two rows; the last of each four is nothing.
    ///
    /// # Safety
    /// Needs a processor with the instructions.
    unsafe fn of(sums: Halves) -> [[Self::Sample; 4]; 2];
}

/// The bytes of Pillow's pass.
pub(super) struct Bytes;

impl Samples for Bytes {
    type Sample = u8;
    const START: i32 = HALF;

    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    #[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
    unsafe fn of(sums: Halves) -> [[u8; 4]; 2] {
        let sums = lanes::shift_right::<{ WEIGHT_BITS as i32 }>(sums);
        let words = lanes::narrow(sums, sums);
        let [first, second] = lanes::halves(lanes::to_bytes(words, words));
        [first.as_chunks().0[0], second.as_chunks().0[0]]
    }
}

/// The sums of OpenCV's linear pass as its second one takes them.
pub(super) struct Cut;

impl Samples for Cut {
    type Sample = i16;
    const START: i32 = 0;

    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    #[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
    unsafe fn of(sums: Halves) -> [[i16; 4]; 2] {
        let sums = lanes::shift_right::<{ LINEAR_CUT as i32 }>(sums);
        let [first, second] = lanes::halves(lanes::narrow(sums, sums));
        let four = |half: [u8; 16]| {
            let (words, _) = half.as_chunks();
            [words[0], words[1], words[2], words[3]].map(i16::from_le_bytes)
        };
        [four(first), four(second)]
    }
}

/// The sums themselves.
pub(super) struct Sums;

impl Samples for Sums {
    type Sample = i32;
    const START: i32 = 0;

    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    #[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
    unsafe fn of(sums: Halves) -> [[i32; 4]; 2] {
        let [first, second] = lanes::halves(sums);
        let four = |half: [u8; 16]| {
            let (words, _) = half.as_chunks();
            [words[0], words[1], words[2], words[3]].map(i32::from_le_bytes)
        };
        [four(first), four(second)]
    }
}

/// The pass along rows, for `V` pairs of rows at once.
///
/// A row has [`Weights::reach`] bytes or more, and a line room for one sample more than the result's.
///
/// # Safety
/// Needs a processor with the instructions.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
pub(super) unsafe fn across<S: Samples, const V: usize, const PAIRS: usize, const TWO_PARTS: bool>(
    weights: &Weights,
    rows: [[&[u8]; 2]; V],
    lines: [[&mut [S::Sample]; 2]; V],
) {
    let places = interleaved();
    let start = lanes::splat(S::START);
    let group = if TWO_PARTS { 2 * PAIRS } else { PAIRS };
    let mut begin = 0;
    for (x, &(first, end)) in weights.runs.iter().enumerate() {
        let (mut sums, mut highs) = ([start; V], [lanes::zero(); V]);
        let groups = weights.pairs[begin..end].chunks_exact(group);
        for (number, pairs) in groups.enumerate() {
            let at = first + number * PAIRS * 6;
            for v in 0..V {
                let bytes = pixels::<PAIRS>(rows[v], at);
                for k in 0..PAIRS {
                    let samples = lanes::choose(bytes, places[k]);
                    let low = lanes::splat(pairs[k]);
                    sums[v] = lanes::add(sums[v], lanes::multiply_pairs(samples, low));
                    if TWO_PARTS {
                        let high = lanes::splat(pairs[PAIRS + k]);
                        highs[v] = lanes::add(highs[v], lanes::multiply_pairs(samples, high));
                    }
                }
            }
        }
        begin = end;
        for v in 0..V {
            // SAFETY: the processor has the instructions, which this function needs as well.
            let samples = unsafe { S::of(whole(sums[v], highs[v])) };
            lines[v][0][x * 3..x * 3 + 4].copy_from_slice(&samples[0]);
            lines[v][1][x * 3..x * 3 + 4].copy_from_slice(&samples[1]);
        }
    }
}

/// The sums of the whole products, of those of the two parts.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
fn whole(lows: Halves, highs: Halves) -> Halves {
    lanes::add(lows, lanes::shift_left::<{ LOW_BITS as i32 }>(highs))
}

/// Where the samples of the first two taps lie in the bytes of a row, and those of the next two, each as 16 bits beside
/// its neighbour's.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
fn interleaved() -> [Halves; 2] {
    /// A byte of 0.
    const NO: u8 = 255;
    [0, 6].map(|o| {
        let (a, b, c, d, e, f) = (o, o + 3, o + 1, o + 4, o + 2, o + 5);
        let places = [a, NO, b, NO, c, NO, d, NO, e, NO, f, NO, NO, NO, NO, NO];
        lanes::load(&places, &places)
    })
}

/// 8 or 16 bytes of each of two rows, from byte `at` on.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
fn pixels<const PAIRS: usize>(rows: [&[u8]; 2], at: usize) -> Halves {
    let (first, second) = (&rows[0][at..at + PAIRS * 8], &rows[1][at..at + PAIRS * 8]);
    if PAIRS == 1 {
        return lanes::load_low(&first.as_chunks().0[0], &second.as_chunks().0[0]);
    }
    lanes::load(&first.as_chunks().0[0], &second.as_chunks().0[0])
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
fn block(bytes: &[u8]) -> Halves {
    let (halves, _) = bytes.as_chunks();
    lanes::load(&halves[0], &halves[1])
}

/// Pillow's pass down columns, one line of the result: `lines` hold a line of `stride` bytes, a multiple of [`BLOCK`],
/// for each weight.
///
/// # Safety
/// Needs a processor with the instructions.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
pub(super) unsafe fn down(lines: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) {
    let zero = lanes::zero();
    for (number_of_block, out) in out.chunks_mut(BLOCK).enumerate() {
        let (mut lows, mut highs) = ([lanes::splat(HALF); 4], [zero; 4]);
        for (number, weights) in weights.chunks(2).enumerate() {
            let (first, second) = (weights[0], weights.get(1).copied().unwrap_or(0));
            let at = number * 2 * stride + number_of_block * BLOCK;
            let above = block(&lines[at..at + BLOCK]);
            let below =
                if weights.len() == 2 { block(&lines[at + stride..at + stride + BLOCK]) } else { zero };
            let (left, right) = (lanes::mix_low(above, below), lanes::mix_high(above, below));
            let quarters = [
                lanes::mix_low(left, zero),
                lanes::mix_high(left, zero),
                lanes::mix_low(right, zero),
                lanes::mix_high(right, zero),
            ];
            let low = lanes::splat(pair(low(first), low(second)));
            let high = lanes::splat(pair(high(first), high(second)));
            for k in 0..4 {
                lows[k] = lanes::add(lows[k], lanes::multiply_pairs(quarters[k], low));
                highs[k] = lanes::add(highs[k], lanes::multiply_pairs(quarters[k], high));
            }
        }
        for k in 0..4 {
            lows[k] = lanes::shift_right::<{ WEIGHT_BITS as i32 }>(whole(lows[k], highs[k]));
        }
        // The halves of each vector were taken apart as these put them together.
        let left = lanes::narrow(lows[0], lows[1]);
        let packed = lanes::to_bytes(left, lanes::narrow(lows[2], lows[3]));
        out.copy_from_slice(&lanes::halves(packed).as_flattened()[..out.len()]);
    }
}

/// [`kernel_row`] where the compiler has all of the processor's vectors: AVX2's can multiply 32-bit integers.
///
/// # Safety
/// Needs a processor with the instructions.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
pub(super) unsafe fn kernel_line<const K: usize>(lines: &[&[i32]; K], weights: &[i32; K], out: &mut [u8]) {
    kernel_row(lines, weights, out);
}
