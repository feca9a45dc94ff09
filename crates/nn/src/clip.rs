//! Clipping of gradients.

use crate::Optimiser;
use crate::activation::Length;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// Clips the gradient of each tensor in a flat buffer to a norm, as Paddle's `ClipGradByNorm`: one whose norm is above it is
/// multiplied by `limit / norm`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// The largest norm of a tensor's gradient, above 0.
    pub limit: f32,
    /// Length of the flat buffer in `f32`, a multiple of [`Optimiser::BLOCK`].
    pub length: usize,
    /// How many tensors there are.
    pub tensors: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Limit {
    tensors: u32,
    limit: f32,
    unused: [u32; 2],
}

impl Clip {
    /// Appends the clipping of `gradients` in place.
    ///
    /// `tensors` holds the first block of [`Optimiser::BLOCK`] values and the number of blocks of each tensor.
    pub fn clip(&self, plan: &mut PlanBuilder, tensors: Tensor, gradients: Tensor) {
        let vectors = Length { length: (self.length / 4) as u32, unused: [0; 3] };
        let bytes = self.length as u64 * 4;
        let of_blocks = bytes / Optimiser::BLOCK as u64;
        let squares = plan.transient("squares of blocks", of_blocks);
        let factors = plan.transient("clipping factors", of_blocks);
        plan.dispatch(
            Dispatch::new(&kernels::OPTIMISER_CLIP_SUMS, "gradient norms")
                .bind("gradients", gradients)
                .bind("squares", squares)
                .params(&vectors)
                .threads(vectors.length.into())
                .cost(0, bytes + of_blocks),
        );
        plan.dispatch(
            Dispatch::new(&kernels::OPTIMISER_CLIP_FACTORS, "clipping factors")
                .bind("tensors", tensors)
                .bind("squares", squares)
                .bind("factors", factors)
                .params(&Limit { tensors: self.tensors as u32, limit: self.limit, unused: [0; 2] })
                .groups(self.tensors as u64)
                .cost(0, 2 * of_blocks),
        );
        plan.dispatch(
            Dispatch::new(&kernels::OPTIMISER_CLIP, "clip")
                .bind("factors", factors)
                .bind("gradients", gradients)
                .params(&vectors)
                .threads(vectors.length.into())
                .cost(0, 2 * bytes + of_blocks),
        );
    }
}
