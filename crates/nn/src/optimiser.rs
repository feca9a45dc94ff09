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
}

/// Momentum in Paddle's form: g += decay p; v = momentum v + g; p -= rate v.
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
