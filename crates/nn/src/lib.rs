//! Neural network layers on GPU plans, forward and backward, with a CPU twin for every kernel.
//!
//! Activations are NHWC `f32`, channels padded with zeros to a multiple of 4. A layer is a small
//! struct that knows its sizes; its methods append launches to a [`PlanBuilder`](photonet_gpu::PlanBuilder).
//! Padded channels stay exactly zero through every layer and every optimiser step, as long as the
//! padded parameters start as zero.

mod activation;
mod batch_norm;
pub mod check;
mod clip;
mod columns;
mod convolution;
pub mod cpu;
mod dense;
mod depthwise;
mod dropout;
mod input;
mod loss;
mod operand;
mod optimiser;
mod pointwise;
mod pool;
mod residual;
mod shape;
mod slab_sums;
mod slabs;
mod squeeze_excite;
mod walk;

pub use activation::Activation;
pub use batch_norm::{BatchNorm, BatchNormParameters, Behind, NormGradient, OutputGradient, RunningVariance};
pub use clip::Clip;
pub use convolution::{Geometry, Padding};
pub use dense::Dense;
pub use depthwise::Depthwise;
pub use dropout::{Dropout, DropoutMode};
pub use input::Normalise;
pub use loss::{Answer, CrossEntropy, Expected, Metrics, TOP_COUNTS};
pub use operand::{GradientOperand, Norm, Operand, Target, Through};
pub use optimiser::{Optimiser, Step, Turn, UpdateTensors, accumulate, average};
pub use pointwise::{Fused, Gate, Pointwise, ProductGradients};
pub use pool::GlobalPool;
pub use residual::{add, fill};
pub use shape::{Shape, pad_channels};
pub use slab_sums::SlabSums;
pub use slabs::Slabs;
pub use squeeze_excite::{SqueezeExcite, SqueezeExciteParameters, SqueezeExciteState};
