//! Residual (skip) connections.

use crate::activation::Length;
use crate::{Shape, Target};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// Appends `sum += addend`: the joining of the two gradients of a skip connection.
pub fn add(plan: &mut PlanBuilder, label: &str, shape: &Shape, addend: Tensor, sum: Tensor) {
    plan.dispatch(
        Dispatch::new(&kernels::RESIDUAL_ADD, label)
            .bind("addend", addend)
            .bind("sum", sum)
            .params(&Length::of(shape))
            .threads(shape.vectors() as u64)
            .cost(0, addend.bytes() + 2 * sum.bytes()),
    );
}

/// Appends what `make` appends to fill a tensor of shape `shape`: to the target, or added to what lies there.
pub fn fill(
    plan: &mut PlanBuilder,
    label: &str,
    shape: &Shape,
    Target { tensor, adds }: Target,
    make: impl FnOnce(&mut PlanBuilder, Tensor),
) {
    if !adds {
        return make(plan, tensor);
    }
    let alone =
        plan.transient(format!("{label} gradient alone"), tensor.bytes()).with_format(tensor.format());
    make(plan, alone);
    add(plan, &format!("{label} join"), shape, alone, tensor);
}
