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

/// Appends what `make` appends to fill a tensor, and to that the gradient `skip` of a skip connection where there is one:
/// the sum is in `output`, of shape `shape`.
pub fn add_skip(
    plan: &mut PlanBuilder,
    label: &str,
    shape: &Shape,
    skip: Option<Tensor>,
    output: Tensor,
    make: impl FnOnce(&mut PlanBuilder, Tensor),
) {
    let Some(skip) = skip else { return make(plan, output) };
    let alone =
        plan.transient(format!("{label} gradient alone"), output.bytes()).with_format(output.format());
    make(plan, alone);
    add(plan, &format!("{label} join"), shape, alone, skip, output);
}
