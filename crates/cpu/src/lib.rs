//! MobileNetV3 on the CPU: `f32` inference on one thread, for machines and browsers whose GPU is
//! missing or only imitated in software.
//!
//! It takes the same weights and bytes as the GPU's
//! [`InferenceNetwork`](photonet_model::InferenceNetwork), folds batch normalisation in the same way,
//! and needs neither threads nor files nor a clock, so it compiles to WebAssembly. Feature maps are
//! NHWC with channels padded to a multiple of 8. The kernels are written once over small vectors, for
//! AVX-512, AVX2 with FMA, SSE2, NEON, WebAssembly's SIMD128 and plain Rust; [`Instructions`] chooses.

mod buffer;
mod error;
mod instructions;
mod kernel;
mod layer;
mod network;
mod simd;

pub use error::CpuError;
pub use instructions::Instructions;
pub use network::{CpuNetwork, LayerKind, Outputs, StepTime};
