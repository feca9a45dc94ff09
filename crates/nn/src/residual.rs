//! Residual (skip) connections.

use crate::activation::Length;
use crate::{Shape, Target};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// Appends `output = left + right`: the joining of the two gradients of a skip connection.
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

/// Appends what `make` appends to fill a tensor of shape `shape`, for kernels that cannot add to one themselves; returns where the
/// gradient is: in the target, or together with what lies there in a tensor of its own.
pub fn fill(
    plan: &mut PlanBuilder,
    label: &str,
    shape: &Shape,
    Target { tensor, adds }: Target,
    make: impl FnOnce(&mut PlanBuilder, Tensor),
) -> Tensor {
    if !adds {
        make(plan, tensor);
        return tensor;
    }
    let [alone, sum] = ["gradient alone", "gradient"]
        .map(|name| plan.transient(format!("{label} {name}"), tensor.bytes()).with_format(tensor.format()));
    make(plan, alone);
    add(plan, &format!("{label} join"), shape, alone, tensor, sum);
    sum
}
