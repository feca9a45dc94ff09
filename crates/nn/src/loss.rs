//! Softmax cross-entropy and the metrics that accumulate on the device.

use crate::pad_channels;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// Mean softmax cross-entropy over a batch, with label smoothing and weights of classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy {
    /// Images.
    pub batch: usize,
    /// Classes, without padding.
    pub classes: usize,
    /// Share of the target spread over all classes, 0 to 1.
    pub smoothing: f32,
    /// The mean of the classes' weights; 1 where there are none.
    pub mean_weight: f32,
}

/// What an image is to be taken for; the layout of `Answer` in `shaders/shared/answer.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Answer {
    /// The class; `u32::MAX` for an image that does not count.
    pub first: u32,
    /// The class of the photo that was mixed in.
    pub second: u32,
    /// How much of the image is that photo, 0 to 1.
    pub share: f32,
    /// Factor on the image's loss, which is then divided by the number of images all the same.
    pub scale: f32,
}

impl Answer {
    /// That of a photo of one class.
    pub fn of(label: u32) -> Self {
        Self { first: label, second: label, share: 0.0, scale: 1.0 }
    }

    /// Scales the losses of a whole batch to a mean that counts each image by `weights`, the weights of its classes, as
    /// PyTorch's weighted cross-entropy does.
    pub fn scale(batch: &mut [Self], weights: &[f32]) {
        let weight = |class: u32| weights.get(class as usize).copied().map_or(0.0, f64::from);
        let of_image = |answer: &Self| {
            let share = f64::from(answer.share);
            (1.0 - share) * weight(answer.first) + share * weight(answer.second)
        };
        let all: f64 = batch.iter().map(of_image).sum();
        // Where no image counts, none has a loss that could be scaled.
        let scale = if all > 0.0 { batch.len() as f64 / all } else { 1.0 };
        batch.iter_mut().for_each(|answer| answer.scale = scale as f32);
    }
}

/// What a batch is to be taken for, on the device.
#[derive(Clone, Copy)]
pub struct Expected {
    /// An [`Answer`] for each image.
    pub answers: Tensor,
    /// A weight for each class, `[classes]`; `None`: all count alike.
    pub weights: Option<Tensor>,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    batch: u32,
    classes: u32,
    stride: u32,
    smoothing: f32,
    mean_weight: f32,
    /// Of the gradient alone.
    inverse_batch: f32,
    unused: [u32; 2],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct MetricParams {
    batch: u32,
    unused: [u32; 3],
    k: [u32; TOP_COUNTS],
}

/// How many numbers k of first classes are counted at once.
pub const TOP_COUNTS: usize = 4;

/// What accumulates on the device between two reads; the layout of `Metrics` in `shaders/loss/metrics.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Metrics {
    /// Sum of the images' losses.
    pub loss: f32,
    /// Images counted.
    pub images: u32,
    /// Images whose loss was not finite.
    pub bad: u32,
    /// The first step with such an image.
    pub bad_step: u32,
    /// For each k: images with a finite loss whose label was among the first k.
    pub top: [u32; TOP_COUNTS],
    /// Mean loss of the last batch.
    pub last_loss: f32,
    unused: [u32; 3],
}

impl CrossEntropy {
    fn params(&self) -> Params {
        Params {
            batch: self.batch as u32,
            classes: self.classes as u32,
            stride: pad_channels(self.classes) as u32,
            smoothing: self.smoothing,
            mean_weight: self.mean_weight,
            inverse_batch: 1.0 / self.batch as f32,
            unused: [0; 2],
        }
    }

    fn bytes(&self) -> u64 {
        (self.batch * pad_channels(self.classes) * 4) as u64
    }

    /// Bytes of `outcomes`: one vec4 an image, see `shaders/loss/cross_entropy.wgsl`.
    pub fn outcome_bytes(&self) -> u64 {
        self.batch as u64 * 16
    }

    /// Appends each image's loss and the rank of its first label. Images whose first label is
    /// `u32::MAX` do not count.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        logits: Tensor,
        expected: Expected,
        outcomes: Tensor,
    ) {
        plan.dispatch(
            Dispatch::new(&kernels::LOSS_CROSS_ENTROPY, format!("{label} forward"))
                .bind("logits", logits)
                .bind("answers", expected.answers)
                .bind_or("weights", expected.weights, logits)
                .constant("WEIGHTED", expected.weights.is_some())
                .bind("outcomes", outcomes)
                .params(&self.params())
                .groups(self.batch as u64)
                .cost(0, self.bytes()),
        );
    }

    /// Appends the gradient of the mean loss with respect to the logits.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        logits: Tensor,
        expected: Expected,
        outcomes: Tensor,
        logits_gradient: Tensor,
    ) {
        plan.dispatch(
            Dispatch::new(&kernels::LOSS_CROSS_ENTROPY_GRADIENT, format!("{label} backward"))
                .bind("logits", logits)
                .bind("answers", expected.answers)
                .bind_or("weights", expected.weights, logits)
                .constant("WEIGHTED", expected.weights.is_some())
                .bind("outcomes", outcomes)
                .bind("logits_gradient", logits_gradient)
                .params(&self.params())
                .threads(self.bytes() / 4)
                .cost(0, 2 * self.bytes()),
        );
    }

    /// Appends adding the outcomes to `metrics`, a buffer of one [`Metrics`], counting the labels
    /// among the first of each number of `k`; 0 counts none.
    pub fn count(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        step: Tensor,
        outcomes: Tensor,
        k: [u32; TOP_COUNTS],
        metrics: Tensor,
    ) {
        plan.dispatch(
            Dispatch::new(&kernels::LOSS_METRICS, format!("{label} metrics"))
                .bind("step", step)
                .bind("outcomes", outcomes)
                .bind("metrics", metrics)
                .params(&MetricParams { batch: self.batch as u32, unused: [0; 3], k })
                .cost(0, self.outcome_bytes()),
        );
    }
}
