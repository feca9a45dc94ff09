//! 1x1 convolutions and fully connected layers.

use crate::kernel::{Kernels, Panels, Product, Rows};
use photonet_nn::Activation;

/// `activate(input weights + bias) + residual`.
pub(crate) struct Pointwise {
    panels: Panels,
    activation: Activation,
}

impl Pointwise {
    /// Packs `weights`, `[outputs][inputs]`.
    pub fn new(
        kernels: &Kernels,
        rows: Rows,
        [inputs, outputs]: [usize; 2],
        weights: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Self {
        let weight = |k: usize, output: usize| weights[output * inputs + k];
        Self { panels: Panels::new(kernels, rows, [inputs, outputs], weight, bias), activation }
    }

    /// Runs on `rows` rows of `input`, `[rows][inputs]`; `residual` and `output` are `[rows][outputs]`,
    /// all three with padded channels.
    pub fn run(
        &self,
        kernels: &Kernels,
        rows: usize,
        input: &[f32],
        residual: Option<&[f32]>,
        output: &mut [f32],
    ) {
        let depth = self.panels.depth();
        kernels.product(Product {
            input,
            segments: &[0],
            depth,
            step: crate::buffer::pad(depth),
            rows,
            panels: &self.panels,
            activation: self.activation,
            residual,
            output,
        });
    }
}
