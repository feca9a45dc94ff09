//! AVX2. All but [`available`] must run on a processor that has it.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_extract_epi64, _mm256_madd_epi16, _mm256_packs_epi32,
    _mm256_packus_epi16, _mm256_set_epi64x, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi32, _mm256_srai_epi32, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
};

pub type Halves = __m256i;

/// What registers hold of Pillow's pass along rows: weights are loaded once for all of them.
pub const PAIRS_OF_ROWS: usize = 2;

/// Whether this processor has the instructions.
pub fn available() -> bool {
    is_x86_feature_detected!("avx2")
}

#[inline]
#[target_feature(enable = "avx2")]
pub fn zero() -> Halves {
    _mm256_setzero_si256()
}

/// Eight times the same.
#[inline]
#[target_feature(enable = "avx2")]
pub fn splat(value: i32) -> Halves {
    _mm256_set1_epi32(value)
}

#[inline]
#[target_feature(enable = "avx2")]
pub fn load(first: &[u8; 16], second: &[u8; 16]) -> Halves {
    let word = |bytes: &[u8; 16], k: usize| i64::from_le_bytes(bytes.as_chunks::<8>().0[k]);
    _mm256_set_epi64x(word(second, 1), word(second, 0), word(first, 1), word(first, 0))
}

/// The lower 8 bytes of each half; the others are 0.
#[inline]
#[target_feature(enable = "avx2")]
pub fn load_low(first: &[u8; 8], second: &[u8; 8]) -> Halves {
    _mm256_set_epi64x(0, i64::from_le_bytes(*second), 0, i64::from_le_bytes(*first))
}

/// The bytes.
#[inline]
#[target_feature(enable = "avx2")]
pub fn halves(from: Halves) -> [[u8; 16]; 2] {
    let pair = |low: i64, high: i64| (low as u64 as u128 | (high as u64 as u128) << 64).to_le_bytes();
    [
        pair(_mm256_extract_epi64::<0>(from), _mm256_extract_epi64::<1>(from)),
        pair(_mm256_extract_epi64::<2>(from), _mm256_extract_epi64::<3>(from)),
    ]
}

/// For each byte that of `bytes` at its place in the half; 0 from 128 on.
#[inline]
#[target_feature(enable = "avx2")]
pub fn choose(bytes: Halves, places: Halves) -> Halves {
    _mm256_shuffle_epi8(bytes, places)
}

/// Products of 16-bit numbers, each added to its neighbour's.
#[inline]
#[target_feature(enable = "avx2")]
pub fn multiply_pairs(a: Halves, b: Halves) -> Halves {
    _mm256_madd_epi16(a, b)
}

/// Sums of 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
pub fn add(a: Halves, b: Halves) -> Halves {
    _mm256_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub fn shift_left<const BITS: i32>(words: Halves) -> Halves {
    _mm256_slli_epi32::<BITS>(words)
}

/// Of 32-bit numbers with a sign.
#[inline]
#[target_feature(enable = "avx2")]
pub fn shift_right<const BITS: i32>(words: Halves) -> Halves {
    _mm256_srai_epi32::<BITS>(words)
}

/// 32-bit numbers as the nearest of 16 bits, those of `a` before those of `b`.
#[inline]
#[target_feature(enable = "avx2")]
pub fn narrow(a: Halves, b: Halves) -> Halves {
    _mm256_packs_epi32(a, b)
}

/// 16-bit numbers as the nearest bytes, those of `a` before those of `b`.
#[inline]
#[target_feature(enable = "avx2")]
pub fn to_bytes(a: Halves, b: Halves) -> Halves {
    _mm256_packus_epi16(a, b)
}

/// Bytes of the lower parts of both, in turns.
#[inline]
#[target_feature(enable = "avx2")]
pub fn mix_low(a: Halves, b: Halves) -> Halves {
    _mm256_unpacklo_epi8(a, b)
}

/// Bytes of the upper parts of both, in turns.
#[inline]
#[target_feature(enable = "avx2")]
pub fn mix_high(a: Halves, b: Halves) -> Halves {
    _mm256_unpackhi_epi8(a, b)
}
