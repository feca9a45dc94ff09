//! WebAssembly's fixed-width SIMD. `pmin` and `pmax` are single x86 instructions, unlike `min` and
//! `max`, which treat NaN and -0 with care.

use super::implement;
use std::arch::wasm32::{
    f32x4_add, f32x4_mul, f32x4_pmax, f32x4_pmin, f32x4_splat, v128, v128_load, v128_store,
};

/// WebAssembly's 128-bit SIMD.
pub(crate) struct Simd128;

implement!(
    Simd128,
    v128,
    4,
    f32x4_splat,
    v128_load,
    v128_store,
    f32x4_add,
    f32x4_mul,
    f32x4_pmin,
    f32x4_pmax,
    false: |a, b, c| f32x4_add(f32x4_mul(a, b), c),
    Self: |whole| whole
);
