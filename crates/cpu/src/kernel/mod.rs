//! The inner loops, once for each instruction set.
//!
//! A kernel is generic over [`Simd`](crate::simd::Simd) and always inlined into a function that enables
//! the instruction set; [`Kernels`] is the table of those functions, chosen once for a network.

mod depthwise;
mod element;
mod panels;
mod product;

pub(crate) use depthwise::DepthwiseTask;
pub(crate) use panels::{Panels, Rows};
pub(crate) use product::Product;

use crate::Instructions;

/// Bytes, factor, offset and output.
type Normalise = unsafe fn(&[u8], &[f32], &[f32], &mut [f32]);

/// The kernels of one instruction set, which the CPU has: the table is given out by
/// [`Instructions::kernels`] alone, after looking.
pub(crate) struct Kernels {
    /// Values in a vector.
    pub lanes: usize,
    product: unsafe fn(Product<'_>),
    depthwise: unsafe fn(DepthwiseTask<'_>),
    normalise: Normalise,
    scale_rows: unsafe fn(&mut [f32], &[f32]),
    sum_rows: unsafe fn(&[f32], &mut [f32]),
}

impl Kernels {
    /// `output = activate(input * weights + bias) + residual`.
    pub fn product(&self, task: Product<'_>) {
        task.check(self.lanes);
        // SAFETY: the CPU has the instructions, as the table was given out, and the sizes were checked.
        unsafe { (self.product)(task) }
    }

    /// `output = activate(input * weights + bias)`, every channel with its own filter.
    pub fn depthwise(&self, task: DepthwiseTask<'_>) {
        task.check();
        // SAFETY: the CPU has the instructions, as the table was given out, and the sizes were checked.
        unsafe { (self.depthwise)(task) }
    }

    /// `output = bytes * factor + offset`, element by element over the shortest of the four.
    pub fn normalise(&self, bytes: &[u8], factor: &[f32], offset: &[f32], output: &mut [f32]) {
        // SAFETY: the CPU has the instructions, as the table was given out.
        unsafe { (self.normalise)(bytes, factor, offset, output) }
    }

    /// Multiplies every row of `values`, as long as `gate`, by `gate`.
    pub fn scale_rows(&self, values: &mut [f32], gate: &[f32]) {
        // SAFETY: the CPU has the instructions, as the table was given out.
        unsafe { (self.scale_rows)(values, gate) }
    }

    /// Adds all rows of `values`, as long as `sums`, to `sums`.
    pub fn sum_rows(&self, values: &[f32], sums: &mut [f32]) {
        // SAFETY: the CPU has the instructions, as the table was given out.
        unsafe { (self.sum_rows)(values, sums) }
    }
}

/// Writes the table of an instruction set: `table!(module, vectors, features)`.
macro_rules! table {
    ($name:ident, $simd:ident $(, $feature:literal)?) => {
        mod $name {
            use super::{DepthwiseTask, Kernels, Product};
            use super::{depthwise, element, product};
            use crate::simd::{Simd, $simd};

            $(#[target_feature(enable = $feature)])?
            unsafe fn product(task: Product<'_>) {
                // SAFETY: the caller vouches for the CPU and the sizes.
                unsafe { product::run::<$simd>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn depthwise(task: DepthwiseTask<'_>) {
                // SAFETY: the caller vouches for the CPU and the sizes.
                unsafe { depthwise::run::<$simd>(task) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn normalise(bytes: &[u8], factor: &[f32], offset: &[f32], output: &mut [f32]) {
                element::normalise(bytes, factor, offset, output);
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn scale_rows(values: &mut [f32], gate: &[f32]) {
                element::scale_rows(values, gate);
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn sum_rows(values: &[f32], sums: &mut [f32]) {
                element::sum_rows(values, sums);
            }

            pub static KERNELS: Kernels = Kernels {
                lanes: $simd::LANES,
                product,
                depthwise,
                normalise,
                scale_rows,
                sum_rows,
            };
        }
    };
}

#[cfg(not(target_feature = "simd128"))]
table!(portable, Portable);
#[cfg(target_arch = "x86_64")]
table!(sse2, Sse2);
#[cfg(target_arch = "x86_64")]
table!(avx2, Avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
table!(avx512, Avx512, "avx512f,avx2,fma");
#[cfg(target_arch = "aarch64")]
table!(neon, Neon);
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
table!(simd128, Simd128);

impl Instructions {
    /// The kernels, if this CPU and this build have the instructions.
    pub(crate) fn kernels(self) -> Option<&'static Kernels> {
        match self {
            // A wasm with vectors cannot be loaded without them, so it never falls back on this.
            #[cfg(not(target_feature = "simd128"))]
            Self::Portable => Some(&portable::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Self::Sse2 => Some(&sse2::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                let there = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
                there.then_some(&avx2::KERNELS)
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                let there = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vbmi2");
                (there && Self::Avx2.kernels().is_some()).then_some(&avx512::KERNELS)
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Some(&neon::KERNELS),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => Some(&simd128::KERNELS),
            _ => None,
        }
    }
}
