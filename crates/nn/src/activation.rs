//! Element-wise activations.

use crate::Shape;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// An activation function, a compile-time constant of the kernels that apply it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// x.
    #[default]
    Identity,
    /// max(x, 0).
    Relu,
    /// x * clamp(x + 3, 0, 6) / 6.
    HardSwish,
    /// clamp(slope * x + 0.5, 0, 1). It makes 1/2 of the zeros in padded channels; as the gate of
    /// squeeze-excite, its use, it is multiplied by other zeros there.
    HardSigmoid {
        /// 1/6 in torch's families, 0.2 in Paddle's.
        slope: f32,
    },
}

/// The uniform of element-wise kernels.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct Length {
    pub length: u32,
    pub unused: [u32; 3],
}

impl Length {
    pub(crate) fn of(shape: &Shape) -> Self {
        Self { length: shape.vectors() as u32, unused: [0; 3] }
    }
}

impl Activation {
    /// Sets the constants of `shaders/shared/activation.wgsl`.
    pub(crate) fn configure(self, dispatch: Dispatch) -> Dispatch {
        let dispatch = dispatch.constant("ACTIVATION", self.number());
        match self {
            Self::HardSigmoid { slope } => dispatch.constant("SLOPE", slope),
            _ => dispatch,
        }
    }

    /// The hardsigmoid's slope; what others have in its place means nothing.
    pub(crate) fn slope(self) -> f32 {
        match self {
            Self::HardSigmoid { slope } => slope,
            _ => 0.0,
        }
    }

    /// The number by which `shaders/shared/activation.wgsl` knows it.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Identity => 0,
            Self::Relu => 1,
            Self::HardSwish => 2,
            Self::HardSigmoid { .. } => 3,
        }
    }

    /// Appends `output = activate(input)`.
    pub fn forward(self, plan: &mut PlanBuilder, label: &str, shape: &Shape, input: Tensor, output: Tensor) {
        plan.dispatch(
            self.configure(Dispatch::new(&kernels::ACTIVATION_FORWARD, format!("{label} forward")))
                .bind("input", input)
                .bind("output", output)
                .params(&Length::of(shape))
                .threads(shape.vectors() as u64)
                .cost(0, 2 * shape.bytes()),
        );
    }

    /// Appends `input_gradient = output_gradient * activate'(input)`.
    pub fn backward(
        self,
        plan: &mut PlanBuilder,
        label: &str,
        shape: &Shape,
        input: Tensor,
        output_gradient: Tensor,
        input_gradient: Tensor,
    ) {
        plan.dispatch(
            self.configure(Dispatch::new(&kernels::ACTIVATION_BACKWARD, format!("{label} backward")))
                .bind("input", input)
                .bind("output_gradient", output_gradient)
                .bind("input_gradient", input_gradient)
                .params(&Length::of(shape))
                .threads(shape.vectors() as u64)
                .cost(0, 3 * shape.bytes()),
        );
    }
}
