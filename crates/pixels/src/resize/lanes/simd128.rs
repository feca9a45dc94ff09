//! WebAssembly's fixed-width SIMD.

use std::arch::wasm32::{
    i8x16_swizzle, i16x8_narrow_i32x4, i32x4_add, i32x4_dot_i16x8, i32x4_shl, i32x4_shr, i32x4_splat,
    u8x16_narrow_i16x8, u8x16_shuffle, u64x2, u64x2_extract_lane, u64x2_splat, v128,
};

pub type Halves = [v128; 2];

/// What registers hold of Pillow's pass along rows: two pairs would have their sums in memory.
pub const PAIRS_OF_ROWS: usize = 1;

/// A module with such instructions is not even loaded where there are none.
pub fn available() -> bool {
    true
}

#[inline(always)]
pub fn zero() -> Halves {
    [u64x2_splat(0); 2]
}

/// Eight times the same.
#[inline(always)]
pub fn splat(value: i32) -> Halves {
    [i32x4_splat(value); 2]
}

#[inline(always)]
pub fn load(first: &[u8; 16], second: &[u8; 16]) -> Halves {
    let half = |bytes: &[u8; 16]| {
        let (words, _) = bytes.as_chunks::<8>();
        u64x2(u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]))
    };
    [half(first), half(second)]
}

/// The lower 8 bytes of each half; the others are 0.
#[inline(always)]
pub fn load_low(first: &[u8; 8], second: &[u8; 8]) -> Halves {
    [u64x2(u64::from_le_bytes(*first), 0), u64x2(u64::from_le_bytes(*second), 0)]
}

/// The bytes.
#[inline(always)]
pub fn halves(from: Halves) -> [[u8; 16]; 2] {
    from.map(|half| {
        let (low, high) = (u64x2_extract_lane::<0>(half), u64x2_extract_lane::<1>(half));
        (u128::from(low) | u128::from(high) << 64).to_le_bytes()
    })
}

#[inline(always)]
fn both(a: Halves, b: Halves, of: impl Fn(v128, v128) -> v128) -> Halves {
    [of(a[0], b[0]), of(a[1], b[1])]
}

/// For each byte that of `bytes` at its place in the half; 0 from 16 on.
#[inline(always)]
pub fn choose(bytes: Halves, places: Halves) -> Halves {
    both(bytes, places, |bytes, places| i8x16_swizzle(bytes, places))
}

/// Products of 16-bit numbers, each added to its neighbour's.
#[inline(always)]
pub fn multiply_pairs(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| i32x4_dot_i16x8(a, b))
}

/// Sums of 32 bits.
#[inline(always)]
pub fn add(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| i32x4_add(a, b))
}

#[inline(always)]
pub fn shift_left<const BITS: i32>(words: Halves) -> Halves {
    words.map(|half| i32x4_shl(half, BITS as u32))
}

/// Of 32-bit numbers with a sign.
#[inline(always)]
pub fn shift_right<const BITS: i32>(words: Halves) -> Halves {
    words.map(|half| i32x4_shr(half, BITS as u32))
}

/// 32-bit numbers as the nearest of 16 bits, those of `a` before those of `b`.
#[inline(always)]
pub fn narrow(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| i16x8_narrow_i32x4(a, b))
}

/// 16-bit numbers as the nearest bytes, those of `a` before those of `b`.
#[inline(always)]
pub fn to_bytes(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| u8x16_narrow_i16x8(a, b))
}

/// Bytes of the lower parts of both, in turns.
#[inline(always)]
pub fn mix_low(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| u8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b))
}

/// Bytes of the upper parts of both, in turns.
#[inline(always)]
pub fn mix_high(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| u8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b))
}
