//! Global average pooling.

use crate::batch_norm::of_class;
use crate::columns::Columns;
use crate::{Behind, Operand, OutputGradient, Shape};
use photonet_gpu::{DeviceClass, Dispatch, PlanBuilder, Tensor, kernels};

/// Mean over all positions of an image: `[n][h][w][c]` to `[n][c]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalPool {
    /// Shape of the input.
    pub input: Shape,
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
        let of = |kernel| {
            let dispatch = Dispatch::new(kernel, format!("{label} forward"));
            dispatch.bind("output", output).cost(0, input.tensor.bytes())
        };
        let dispatch = match plan.class() {
            DeviceClass::Software => {
                of(&kernels::POOL_FORWARD_SERIAL).params(&columns).threads(output.bytes() / 16)
            }
            class => columns.launch(class, of(&kernels::POOL_FORWARD)),
        };
        plan.dispatch(input.bind(dispatch));
    }

    /// Appends the spreading of the gradient over positions, and back through the activation of the unit `behind` whose output
    /// is pooled, with the sums that its normalisation needs.
    pub fn backward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        output_gradient: Tensor,
        behind: &Behind,
        input_gradient: Tensor,
    ) -> OutputGradient {
        let dispatch = Dispatch::new(
            of_class(plan, &kernels::POOL_BACKWARD_ONE, &kernels::POOL_BACKWARD_FOUR),
            format!("{label} backward"),
        )
        .bind("output_gradient", output_gradient);
        behind.append_over_images(plan, label, dispatch, &self.input, 0, input_gradient)
    }
}
