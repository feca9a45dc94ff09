//! NEON, which every 64-bit ARM has.

use std::arch::aarch64::{
    int16x8_t, int32x4_t, uint8x16_t, vaddq_s32, vcombine_s16, vcombine_u8, vcombine_u64, vcreate_u64,
    vdupq_n_s32, vdupq_n_u8, vget_low_s16, vgetq_lane_u64, vmull_high_s16, vmull_s16, vpaddq_s32, vqmovn_s32,
    vqmovun_s16, vqtbl1q_u8, vreinterpretq_s16_u8, vreinterpretq_s32_u8, vreinterpretq_u8_s16,
    vreinterpretq_u8_s32, vreinterpretq_u8_u64, vreinterpretq_u64_u8, vshlq_n_s32, vshrq_n_s32, vzip1q_u8,
    vzip2q_u8,
};

pub type Halves = [uint8x16_t; 2];

/// What registers hold of Pillow's pass along rows: weights are loaded once for all of them.
pub const PAIRS_OF_ROWS: usize = 2;

/// Every processor of this architecture has the instructions.
pub fn available() -> bool {
    true
}

#[inline]
#[target_feature(enable = "neon")]
pub fn zero() -> Halves {
    [vdupq_n_u8(0); 2]
}

/// Eight times the same.
#[inline]
#[target_feature(enable = "neon")]
pub fn splat(value: i32) -> Halves {
    [vreinterpretq_u8_s32(vdupq_n_s32(value)); 2]
}

#[inline]
#[target_feature(enable = "neon")]
fn half(low: u64, high: u64) -> uint8x16_t {
    vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)))
}

#[inline]
#[target_feature(enable = "neon")]
pub fn load(first: &[u8; 16], second: &[u8; 16]) -> Halves {
    [first, second].map(|bytes| {
        let (words, _) = bytes.as_chunks::<8>();
        half(u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]))
    })
}

/// The lower 8 bytes of each half; the others are 0.
#[inline]
#[target_feature(enable = "neon")]
pub fn load_low(first: &[u8; 8], second: &[u8; 8]) -> Halves {
    [first, second].map(|bytes| half(u64::from_le_bytes(*bytes), 0))
}

/// The bytes.
#[inline]
#[target_feature(enable = "neon")]
pub fn halves(from: Halves) -> [[u8; 16]; 2] {
    from.map(|half| {
        let words = vreinterpretq_u64_u8(half);
        (u128::from(vgetq_lane_u64::<0>(words)) | u128::from(vgetq_lane_u64::<1>(words)) << 64).to_le_bytes()
    })
}

#[inline]
#[target_feature(enable = "neon")]
fn both(a: Halves, b: Halves, of: impl Fn(uint8x16_t, uint8x16_t) -> uint8x16_t) -> Halves {
    [of(a[0], b[0]), of(a[1], b[1])]
}

#[inline]
#[target_feature(enable = "neon")]
fn words(half: uint8x16_t) -> int32x4_t {
    vreinterpretq_s32_u8(half)
}

#[inline]
#[target_feature(enable = "neon")]
fn shorts(half: uint8x16_t) -> int16x8_t {
    vreinterpretq_s16_u8(half)
}

/// For each byte that of `bytes` at its place in the half; 0 from 16 on.
#[inline]
#[target_feature(enable = "neon")]
pub fn choose(bytes: Halves, places: Halves) -> Halves {
    both(bytes, places, |bytes, places| vqtbl1q_u8(bytes, places))
}

/// Products of 16-bit numbers, each added to its neighbour's.
#[inline]
#[target_feature(enable = "neon")]
pub fn multiply_pairs(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| {
        let (a, b) = (shorts(a), shorts(b));
        vreinterpretq_u8_s32(vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b)))
    })
}

/// Sums of 32 bits.
#[inline]
#[target_feature(enable = "neon")]
pub fn add(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| vreinterpretq_u8_s32(vaddq_s32(words(a), words(b))))
}

#[inline]
#[target_feature(enable = "neon")]
pub fn shift_left<const BITS: i32>(of: Halves) -> Halves {
    of.map(|half| vreinterpretq_u8_s32(vshlq_n_s32::<BITS>(words(half))))
}

/// Of 32-bit numbers with a sign.
#[inline]
#[target_feature(enable = "neon")]
pub fn shift_right<const BITS: i32>(of: Halves) -> Halves {
    of.map(|half| vreinterpretq_u8_s32(vshrq_n_s32::<BITS>(words(half))))
}

/// 32-bit numbers as the nearest of 16 bits, those of `a` before those of `b`.
#[inline]
#[target_feature(enable = "neon")]
pub fn narrow(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| vreinterpretq_u8_s16(vcombine_s16(vqmovn_s32(words(a)), vqmovn_s32(words(b)))))
}

/// 16-bit numbers as the nearest bytes, those of `a` before those of `b`.
#[inline]
#[target_feature(enable = "neon")]
pub fn to_bytes(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| vcombine_u8(vqmovun_s16(shorts(a)), vqmovun_s16(shorts(b))))
}

/// Bytes of the lower parts of both, in turns.
#[inline]
#[target_feature(enable = "neon")]
pub fn mix_low(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| vzip1q_u8(a, b))
}

/// Bytes of the upper parts of both, in turns.
#[inline]
#[target_feature(enable = "neon")]
pub fn mix_high(a: Halves, b: Halves) -> Halves {
    both(a, b, |a, b| vzip2q_u8(a, b))
}
