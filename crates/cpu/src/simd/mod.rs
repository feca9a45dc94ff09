//! Vectors of `f32` for each instruction set, behind one trait.
//!
//! Kernels are generic over [`Simd`] and always inlined into a function that enables the instruction
//! set (`kernel::Kernels`), so every operation below becomes one instruction there.

#[cfg(not(target_feature = "simd128"))]
mod portable;

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
#[cfg(not(target_feature = "simd128"))]
pub(crate) use portable::Portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use wasm::Simd128;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512, Sse2};

/// The operations of one instruction set on its vectors of `f32`.
///
/// # Safety
/// Every method needs a CPU with the instruction set. `load` reads and `store` writes `LANES` values
/// at an address that need not be aligned.
pub(crate) unsafe trait Simd {
    /// `LANES` values.
    type Vector: Copy;
    /// Values in a vector: 4, 8 or 16.
    const LANES: usize;
    /// Whether `multiply_add` is one instruction. Two want a register for what is between them.
    const FUSED: bool;
    /// Vectors of at most [`UNIT`](crate::buffer::UNIT) values, for the end of a row of which whole vectors leave some over.
    type Last: Simd;

    unsafe fn splat(value: f32) -> Self::Vector;
    unsafe fn load(from: *const f32) -> Self::Vector;
    unsafe fn store(to: *mut f32, vector: Self::Vector);
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn multiply(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`, rounded once where the instruction set can, twice elsewhere.
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    unsafe fn min(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The first values of a vector.
    unsafe fn first(vector: Self::Vector) -> <Self::Last as Simd>::Vector;
}

/// Implements [`Simd`] by intrinsics that share a prefix.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "wasm32"))]
macro_rules! implement {
    (
        $name:ident, $vector:ty, $lanes:literal,
        $splat:ident, $load:ident, $store:ident, $add:ident, $multiply:ident, $min:ident, $max:ident,
        $fused:literal: |$a:ident, $b:ident, $c:ident| $multiply_add:expr,
        $last:ty: |$whole:ident| $first:expr
    ) => {
        // SAFETY: each method runs one or two instructions of the set that the trait's callers vouch for.
        unsafe impl super::Simd for $name {
            type Vector = $vector;
            const LANES: usize = $lanes;
            const FUSED: bool = $fused;
            type Last = $last;

            #[inline(always)]
            unsafe fn splat(value: f32) -> Self::Vector {
                // SAFETY: the caller's CPU has the instruction.
                #[allow(unused_unsafe, reason = "wasm's own instructions are safe")]
                unsafe {
                    $splat(value)
                }
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self::Vector {
                // SAFETY: the caller vouches for the address; no alignment is needed.
                unsafe { $load(from.cast()) }
            }

            #[inline(always)]
            unsafe fn store(to: *mut f32, vector: Self::Vector) {
                // SAFETY: the caller vouches for the address; no alignment is needed.
                unsafe { $store(to.cast(), vector) }
            }

            implement!(@binary add $add);
            implement!(@binary multiply $multiply);
            implement!(@binary min $min);
            implement!(@binary max $max);

            #[inline(always)]
            unsafe fn multiply_add(
                $a: Self::Vector,
                $b: Self::Vector,
                $c: Self::Vector,
            ) -> Self::Vector {
                // SAFETY: the caller's CPU has the instruction.
                #[allow(unused_unsafe, reason = "wasm's own instructions are safe")]
                unsafe {
                    $multiply_add
                }
            }

            #[inline(always)]
            unsafe fn first($whole: Self::Vector) -> <Self::Last as super::Simd>::Vector {
                // SAFETY: the caller's CPU has the instruction.
                #[allow(unused_unsafe, reason = "nothing to do where a vector is the last as well")]
                unsafe {
                    $first
                }
            }
        }
    };
    (@binary $name:ident $intrinsic:ident) => {
        #[inline(always)]
        unsafe fn $name(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            // SAFETY: the caller's CPU has the instruction.
            #[allow(unused_unsafe, reason = "wasm's own instructions are safe")]
            unsafe {
                $intrinsic(a, b)
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "wasm32"))]
pub(crate) use implement;
