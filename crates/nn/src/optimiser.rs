//! Momentum over the flat parameter buffer.

use crate::activation::Length;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// What changes from one training step to the next; the layout of `shaders/shared/step.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Step {
    /// Learning rate.
    pub learning_rate: f32,
    /// Momentum, usually 0.9.
    pub momentum: f32,
    /// Epoch, from 0; keys dropout's random numbers.
    pub epoch: u32,
    /// Step since the start of training; reported when a loss is not finite.
    pub number: u32,
    /// Factor on the gradients: a part's share of the batch, 1 for a whole one.
    pub share: f32,
    /// Factor on the weight decay: 1, or 0 for all parts of a batch but the first.
    pub decay: f32,
    unused: [u32; 2],
}

impl Step {
    /// A step that takes its batch as a whole.
    pub fn new(learning_rate: f32, momentum: f32, epoch: u32, number: u32) -> Self {
        Self { learning_rate, momentum, epoch, number, share: 1.0, decay: 1.0, unused: [0; 2] }
    }

    /// The same for part `part` of `parts` of its batch, which has `share` of the images. The parts' gradients add up in the
    /// velocity: the first decays it, the last moves the parameters.
    pub fn of_part(self, part: usize, parts: usize, share: f32) -> Self {
        let (first, last) = (part == 0, part + 1 == parts);
        Self {
            learning_rate: if last { self.learning_rate } else { 0.0 },
            momentum: if first { self.momentum } else { 1.0 },
            decay: if first { self.decay } else { 0.0 },
            share,
            ..self
        }
    }
}

/// Momentum in Paddle's form: g += decay p; v = momentum v + g; p -= rate v. For parts of a batch see [`Step::of_part`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Momentum {
    /// Length of the flat buffers in `f32`, a multiple of 64.
    pub length: usize,
}

impl Momentum {
    /// Parameters that share one entry of the table of ranges.
    pub const BLOCK: usize = 64;

    /// Appends the update of every parameter.
    ///
    /// `ranges` holds a learning-rate factor (0 freezes) and a decay for each block of 64 parameters.
    #[expect(clippy::too_many_arguments, reason = "the buffers of one update")]
    pub fn update(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        step: Tensor,
        ranges: Tensor,
        gradients: Tensor,
        velocity: Tensor,
        parameters: Tensor,
    ) {
        let length = Length { length: (self.length / 4) as u32, unused: [0; 3] };
        plan.dispatch(
            Dispatch::new(&kernels::OPTIMISER_MOMENTUM, label)
                .bind("step", step)
                .bind("ranges", ranges)
                .bind("gradients", gradients)
                .bind("velocity", velocity)
                .bind("parameters", parameters)
                .params(&length)
                .threads(length.length.into())
                .cost(0, self.length as u64 * 20),
        );
    }
}
