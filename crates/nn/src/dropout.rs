//! Dropout in its two published forms.

use crate::Shape;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// Where the scaling that keeps expectations equal is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropoutMode {
    /// Training divides by 1 - rate, inference does nothing: PyTorch.
    UpscaleInTrain,
    /// Training only masks, inference multiplies by 1 - rate: PaddleClas's MobileNetV3.
    DownscaleInInfer,
}

/// Dropout over `[batch][channels]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Shape of input and output.
    pub shape: Shape,
    /// Share of elements that are dropped, 0 to 1.
    pub rate: f32,
    /// Where the scaling is done.
    pub mode: DropoutMode,
    /// Seed of the random numbers.
    pub seed: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    length: u32,
    channels: u32,
    seed: u32,
    threshold: u32,
    scale: f32,
    unused: [u32; 3],
}

impl Dropout {
    /// An element is kept when its 24-bit random number is at least this.
    pub(crate) fn threshold(&self) -> u32 {
        (f64::from(self.rate.clamp(0.0, 1.0)) * f64::from(1 << 24)).round() as u32
    }

    /// What kept elements are multiplied by in training.
    pub fn train_scale(&self) -> f32 {
        match self.mode {
            DropoutMode::UpscaleInTrain => 1.0 / (1.0 - self.rate),
            DropoutMode::DownscaleInInfer => 1.0,
        }
    }

    /// What all elements are multiplied by at inference.
    pub fn inference_scale(&self) -> f32 {
        match self.mode {
            DropoutMode::UpscaleInTrain => 1.0,
            DropoutMode::DownscaleInInfer => 1.0 - self.rate,
        }
    }

    /// Appends the masking of a training step; backward is the same launch on the gradient.
    ///
    /// `step` is the buffer of [`Step`](crate::Step), `samples` the data set index of each row.
    pub fn apply(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        step: Tensor,
        samples: Tensor,
        input: Tensor,
        output: Tensor,
    ) {
        plan.dispatch(
            Dispatch::new(&kernels::DROPOUT_APPLY, label)
                .bind("step", step)
                .bind("samples", samples)
                .bind("input", input)
                .bind("output", output)
                .params(&Params {
                    length: self.shape.vectors() as u32,
                    channels: self.shape.groups() as u32,
                    seed: self.seed,
                    threshold: self.threshold(),
                    scale: self.train_scale(),
                    unused: [0; 3],
                })
                .threads(self.shape.vectors() as u64)
                .cost(0, 2 * self.shape.bytes()),
        );
    }
}
