//! Residual (skip) connections.

use crate::Shape;
use crate::activation::Length;
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// Appends `output = left + right`: a skip connection forward, the joining of its two gradients backward.
pub fn add(plan: &mut PlanBuilder, label: &str, shape: &Shape, left: Tensor, right: Tensor, output: Tensor) {
    plan.dispatch(
        Dispatch::new(&kernels::RESIDUAL_ADD, label)
            .bind("left", left)
            .bind("right", right)
            .bind("output", output)
            .params(&Length::of(shape))
            .threads(shape.vectors() as u64)
            .cost(0, left.bytes() + right.bytes() + output.bytes()),
    );
}
