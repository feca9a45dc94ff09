//! What a kernel takes as its input.

use crate::Activation;
use photonet_gpu::{Dispatch, Format, Tensor};

/// Batch normalisation and activation that a kernel applies to its input as it loads it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// `[4][channels]`, from [`BatchNorm::prepare`](crate::BatchNorm::prepare).
    pub moments: Tensor,
    /// Applied to the normalised values.
    pub activation: Activation,
}

/// A kernel's input: a tensor as it is, or the raw output of the convolution before it, which is
/// normalised while it is loaded. A tensor that several kernels read a few times each need not be
/// written a second time then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operand {
    /// The values.
    pub tensor: Tensor,
    /// What is done to them.
    pub norm: Option<Norm>,
}

impl From<Tensor> for Operand {
    fn from(tensor: Tensor) -> Self {
        Self { tensor, norm: None }
    }
}

impl Operand {
    /// Binds `input` and `moments` and sets the constants of `shaders/shared/operand.wgsl`.
    pub(crate) fn bind(&self, dispatch: Dispatch) -> Dispatch {
        let moments = self.norm.map(|norm| norm.moments);
        let dispatch = dispatch.bind("input", self.tensor).bind_or("moments", moments, self.tensor);
        match self.norm {
            None => dispatch,
            Some(norm) => {
                dispatch.constant("NORMALISED", true).constant("INPUT_ACTIVATION", norm.activation.number())
            }
        }
    }
}

/// The gradient of a convolution's output: a tensor as it is, or the gradient behind the batch normalisation that follows
/// the convolution, which kernels take back through it while they load it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientOperand {
    /// The gradient.
    pub tensor: Tensor,
    /// The way back through the normalisation.
    pub through: Option<Through>,
}

/// How a gradient goes back through a batch normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Through {
    /// The convolution's output, which is what was normalised.
    pub output: Tensor,
    /// `[3][channels]`, from [`BatchNorm::backward`](crate::BatchNorm::backward).
    pub coefficients: Tensor,
}

impl From<Tensor> for GradientOperand {
    fn from(tensor: Tensor) -> Self {
        Self { tensor, through: None }
    }
}

impl GradientOperand {
    /// Binds what `shaders/shared/gradient_operand.wgsl` takes and sets its constant.
    pub(crate) fn bind(&self, dispatch: Dispatch) -> Dispatch {
        let (output, coefficients) = (self.through.map(|t| t.output), self.through.map(|t| t.coefficients));
        dispatch
            .bind("output_gradient", self.tensor)
            .bind_or("output", output, self.tensor)
            .bind_or("coefficients", coefficients, self.tensor)
            .constant("THROUGH_NORM", self.through.is_some())
    }

    /// The format of the gradient.
    pub(crate) fn format(&self) -> Format {
        self.tensor.format()
    }

    /// Bytes that one reading takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.tensor.bytes() + self.through.map_or(0, |through| through.output.bytes())
    }

    /// The gradient, for kernels that take no other.
    pub(crate) fn ready(&self) -> Tensor {
        assert!(self.through.is_none(), "the device's kernels take gradients as they lie in memory");
        self.tensor
    }
}

/// Where the gradient of an input goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The tensor.
    pub tensor: Tensor,
    /// Whether the gradient is added to what lies there, which arrived by a skip connection.
    pub adds: bool,
}

impl From<Tensor> for Target {
    fn from(tensor: Tensor) -> Self {
        Self { tensor, adds: false }
    }
}

impl Target {
    /// Bytes that are read and written.
    pub(crate) fn bytes(&self) -> u64 {
        self.tensor.bytes() * if self.adds { 2 } else { 1 }
    }
}

/// A pass's name in the questions which variant to take: other formats may be best served by another one.
pub(crate) fn pass(name: &str, values: Tensor, weights: Tensor) -> String {
    match (values.format(), weights.format()) {
        (Format::Single, Format::Single) => name.into(),
        (Format::Single, _) => format!("{name} f16 weights"),
        (Format::Half, Format::Single) => format!("{name} f16 values"),
        (Format::Half, _) => format!("{name} f16"),
        (Format::Brain, _) => format!("{name} bf16"),
    }
}
