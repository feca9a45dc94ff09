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
