//! NEON, which every 64-bit ARM has.

use super::implement;
use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32, vmaxq_f32, vminq_f32, vmulq_f32, vst1q_f32,
};

/// NEON.
pub(crate) struct Neon;

implement!(
    Neon,
    float32x4_t,
    4,
    vdupq_n_f32,
    vld1q_f32,
    vst1q_f32,
    vaddq_f32,
    vmulq_f32,
    vminq_f32,
    vmaxq_f32,
    true: |a, b, c| vfmaq_f32(c, a, b),
    Self: |whole| whole
);
