//! The few instructions that [`vectors`](super::vectors) is written in, for each architecture.
//!
//! A value is two halves of 16 bytes. Every operation does the same in both, and nothing goes from one to the other: so it is one
//! instruction on vectors of 32 bytes, and two on shorter ones.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "wasm32")]
mod simd128;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::*;
#[cfg(target_arch = "aarch64")]
pub(super) use neon::*;
#[cfg(target_arch = "wasm32")]
pub(super) use simd128::*;
