//! The passes of a resize on AVX2, in the same integers as the plain ones.
//!
//! One instruction multiplies 16 samples by 16-bit weights and adds neighbours, so two taps at once. Pillow's weights
//! have 22 fractional bits and go in two parts, `high * 2^11 + low`, whose sums are put together at the end: modulo 2^32
//! that is the sum of the whole products.
//!
//! All but [`available`] must run on a processor that has AVX2.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_extract_epi32, _mm256_extract_epi64, _mm256_madd_epi16,
    _mm256_packs_epi32, _mm256_packus_epi16, _mm256_set_epi64x, _mm256_set1_epi32, _mm256_setr_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srai_epi32, _mm256_unpackhi_epi8,
    _mm256_unpacklo_epi8,
};

use super::opencv::{LINEAR_CUT, kernel_row};
use super::pillow::{BLOCK, HALF, WEIGHT_BITS};

/// Bits of the lower part of a weight that goes in two.
const LOW_BITS: u32 = 11;

/// Whether this processor has AVX2.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx2")
}

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
    /// Needs a processor with AVX2.
    unsafe fn of(sums: __m256i) -> [[Self::Sample; 4]; 2];
}

/// The bytes of Pillow's pass.
pub(super) struct Bytes;

impl Samples for Bytes {
    type Sample = u8;
    const START: i32 = HALF;

    #[target_feature(enable = "avx2")]
    unsafe fn of(sums: __m256i) -> [[u8; 4]; 2] {
        let sums = _mm256_srai_epi32::<{ WEIGHT_BITS as i32 }>(sums);
        let words = _mm256_packs_epi32(sums, sums);
        let bytes = _mm256_packus_epi16(words, words);
        [_mm256_extract_epi32::<0>(bytes).to_le_bytes(), _mm256_extract_epi32::<4>(bytes).to_le_bytes()]
    }
}

/// The sums of OpenCV's linear pass as its second one takes them.
pub(super) struct Cut;

impl Samples for Cut {
    type Sample = i16;
    const START: i32 = 0;

    #[target_feature(enable = "avx2")]
    unsafe fn of(sums: __m256i) -> [[i16; 4]; 2] {
        let sums = _mm256_srai_epi32::<{ LINEAR_CUT as i32 }>(sums);
        let words = _mm256_packs_epi32(sums, sums);
        let four = |word: i64| [word as i16, (word >> 16) as i16, (word >> 32) as i16, (word >> 48) as i16];
        [four(_mm256_extract_epi64::<0>(words)), four(_mm256_extract_epi64::<2>(words))]
    }
}

/// The sums themselves.
pub(super) struct Sums;

impl Samples for Sums {
    type Sample = i32;
    const START: i32 = 0;

    #[target_feature(enable = "avx2")]
    unsafe fn of(sums: __m256i) -> [[i32; 4]; 2] {
        let [a, b, c, d] = words(sums);
        let four = |low: i64, high: i64| [low as i32, (low >> 32) as i32, high as i32, (high >> 32) as i32];
        [four(a, b), four(c, d)]
    }
}

/// The pass along rows, for `V` pairs of rows at once.
///
/// A row has [`Weights::reach`] bytes or more, and a line room for one sample more than the result's.
#[target_feature(enable = "avx2")]
pub(super) fn across<S: Samples, const V: usize, const PAIRS: usize, const TWO_PARTS: bool>(
    weights: &Weights,
    rows: [[&[u8]; 2]; V],
    lines: [[&mut [S::Sample]; 2]; V],
) {
    let places = interleaved();
    let start = _mm256_set1_epi32(S::START);
    let group = if TWO_PARTS { 2 * PAIRS } else { PAIRS };
    let mut begin = 0;
    for (x, &(first, end)) in weights.runs.iter().enumerate() {
        let (mut sums, mut highs) = ([start; V], [_mm256_setzero_si256(); V]);
        let groups = weights.pairs[begin..end].chunks_exact(group);
        for (number, pairs) in groups.enumerate() {
            let at = first + number * PAIRS * 6;
            for v in 0..V {
                let bytes = pixels::<PAIRS>(rows[v], at);
                for k in 0..PAIRS {
                    let samples = _mm256_shuffle_epi8(bytes, places[k]);
                    let low = _mm256_set1_epi32(pairs[k]);
                    sums[v] = _mm256_add_epi32(sums[v], _mm256_madd_epi16(samples, low));
                    if TWO_PARTS {
                        let high = _mm256_set1_epi32(pairs[PAIRS + k]);
                        highs[v] = _mm256_add_epi32(highs[v], _mm256_madd_epi16(samples, high));
                    }
                }
            }
        }
        begin = end;
        for v in 0..V {
            // SAFETY: the processor has AVX2, which this function needs as well.
            let samples = unsafe { S::of(whole(sums[v], highs[v])) };
            lines[v][0][x * 3..x * 3 + 4].copy_from_slice(&samples[0]);
            lines[v][1][x * 3..x * 3 + 4].copy_from_slice(&samples[1]);
        }
    }
}

/// The sums of the whole products, of those of the two parts.
#[target_feature(enable = "avx2")]
fn whole(lows: __m256i, highs: __m256i) -> __m256i {
    _mm256_add_epi32(lows, _mm256_slli_epi32::<{ LOW_BITS as i32 }>(highs))
}

/// Where the samples of the first two taps lie in the bytes of a row, and those of the next two, each as 16 bits beside
/// its neighbour's.
#[target_feature(enable = "avx2")]
fn interleaved() -> [__m256i; 2] {
    const NO: i8 = -1;
    [0, 6].map(|o| {
        let (a, b, c, d, e, f) = (o, o + 3, o + 1, o + 4, o + 2, o + 5);
        #[rustfmt::skip]
        let places = _mm256_setr_epi8(
            a, NO, b, NO, c, NO, d, NO, e, NO, f, NO, NO, NO, NO, NO,
            a, NO, b, NO, c, NO, d, NO, e, NO, f, NO, NO, NO, NO, NO,
        );
        places
    })
}

/// 8 or 16 bytes of each of two rows, from byte `at` on.
#[target_feature(enable = "avx2")]
fn pixels<const PAIRS: usize>(rows: [&[u8]; 2], at: usize) -> __m256i {
    let (first, _) = rows[0][at..at + PAIRS * 8].as_chunks::<8>();
    let (second, _) = rows[1][at..at + PAIRS * 8].as_chunks::<8>();
    if PAIRS == 1 {
        return _mm256_set_epi64x(0, word(second, 0), 0, word(first, 0));
    }
    _mm256_set_epi64x(word(second, 1), word(second, 0), word(first, 1), word(first, 0))
}

#[inline(always)]
fn word(words: &[[u8; 8]], k: usize) -> i64 {
    i64::from_le_bytes(words[k])
}

#[target_feature(enable = "avx2")]
fn vector(bytes: &[u8]) -> __m256i {
    let (words, _) = bytes.as_chunks::<8>();
    _mm256_set_epi64x(word(words, 3), word(words, 2), word(words, 1), word(words, 0))
}

#[target_feature(enable = "avx2")]
fn words(vector: __m256i) -> [i64; 4] {
    [
        _mm256_extract_epi64::<0>(vector),
        _mm256_extract_epi64::<1>(vector),
        _mm256_extract_epi64::<2>(vector),
        _mm256_extract_epi64::<3>(vector),
    ]
}

#[target_feature(enable = "avx2")]
fn bytes(vector: __m256i) -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    let (chunks, _) = bytes.as_chunks_mut::<8>();
    for (chunk, word) in chunks.iter_mut().zip(words(vector)) {
        *chunk = word.to_le_bytes();
    }
    bytes
}

/// Pillow's pass down columns, one line of the result: `lines` hold a line of `stride` bytes, a multiple of [`BLOCK`],
/// for each weight.
#[target_feature(enable = "avx2")]
pub(super) fn down(lines: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) {
    let zero = _mm256_setzero_si256();
    for (block, out) in out.chunks_mut(BLOCK).enumerate() {
        let (mut lows, mut highs) = ([_mm256_set1_epi32(HALF); 4], [zero; 4]);
        for (number, weights) in weights.chunks(2).enumerate() {
            let (first, second) = (weights[0], weights.get(1).copied().unwrap_or(0));
            let at = number * 2 * stride + block * BLOCK;
            let above = vector(&lines[at..at + BLOCK]);
            let below =
                if weights.len() == 2 { vector(&lines[at + stride..at + stride + BLOCK]) } else { zero };
            let (left, right) = (_mm256_unpacklo_epi8(above, below), _mm256_unpackhi_epi8(above, below));
            let quarters = [
                _mm256_unpacklo_epi8(left, zero),
                _mm256_unpackhi_epi8(left, zero),
                _mm256_unpacklo_epi8(right, zero),
                _mm256_unpackhi_epi8(right, zero),
            ];
            let low = _mm256_set1_epi32(pair(low(first), low(second)));
            let high = _mm256_set1_epi32(pair(high(first), high(second)));
            for k in 0..4 {
                lows[k] = _mm256_add_epi32(lows[k], _mm256_madd_epi16(quarters[k], low));
                highs[k] = _mm256_add_epi32(highs[k], _mm256_madd_epi16(quarters[k], high));
            }
        }
        for k in 0..4 {
            lows[k] = _mm256_srai_epi32::<{ WEIGHT_BITS as i32 }>(whole(lows[k], highs[k]));
        }
        // The halves of each vector were taken apart as these put them together.
        let left = _mm256_packs_epi32(lows[0], lows[1]);
        let packed = _mm256_packus_epi16(left, _mm256_packs_epi32(lows[2], lows[3]));
        out.copy_from_slice(&bytes(packed)[..out.len()]);
    }
}

/// [`kernel_row`] with vectors of AVX2, which can multiply 32-bit integers.
#[target_feature(enable = "avx2")]
pub(super) fn kernel_line<const K: usize>(lines: &[&[i32]; K], weights: &[i32; K], out: &mut [u8]) {
    kernel_row(lines, weights, out);
}
