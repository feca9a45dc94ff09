//! Global average pooling.

use crate::columns::Columns;
use crate::{Operand, Shape};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// Mean over all positions of an image: `[n][h][w][c]` to `[n][c]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalPool {
    /// Shape of the input.
    pub input: Shape,
}

/// The uniform of kernels that broadcast one vector over the positions of an image.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct Broadcast {
    pub length: u32,
    pub channels: u32,
    pub rows: u32,
    unused: u32,
}

impl Broadcast {
    pub(crate) fn of(shape: &Shape) -> Self {
        Self {
            length: shape.vectors() as u32,
            channels: shape.groups() as u32,
            rows: shape.pixels() as u32,
            unused: 0,
        }
    }
}

impl GlobalPool {
    /// Shape of the output.
    pub fn output(&self) -> Shape {
        Shape::vector(self.input.batch, self.input.channels)
    }

    /// Appends the mean over positions.
    pub fn forward(&self, plan: &mut PlanBuilder, label: &str, input: impl Into<Operand>, output: Tensor) {
        let input: Operand = input.into();
        let columns = Columns::images(self.input.batch, self.input.pixels(), self.input.groups());
        let dispatch = Dispatch::new(&kernels::POOL_FORWARD, format!("{label} forward"))
            .bind("output", output)
            .cost(0, input.tensor.bytes());
        let dispatch = columns.launch(plan.class(), dispatch);
        plan.dispatch(input.bind(dispatch));
    }

    /// Appends the spreading of the gradient over positions.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        output_gradient: Tensor,
        input_gradient: Tensor,
    ) {
        plan.dispatch(
            Dispatch::new(&kernels::POOL_BACKWARD, format!("{label} backward"))
                .bind("output_gradient", output_gradient)
                .bind("input_gradient", input_gradient)
                .params(&Broadcast::of(&self.input))
                .threads(self.input.vectors() as u64)
                .cost(0, input_gradient.bytes()),
        );
    }
}
