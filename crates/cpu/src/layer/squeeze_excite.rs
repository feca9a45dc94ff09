//! Squeeze-excite.

use super::Pointwise;
use crate::buffer::{Buffer, pad};
use crate::kernel::{Kernels, Rows};
use photonet_nn::Activation;

/// `input * hardsigmoid(expand(relu(reduce(mean(input)))))`.
pub(crate) struct SqueezeExcite {
    reduce: Pointwise,
    expand: Pointwise,
    channels: usize,
    hidden: Buffer,
    gate: Buffer,
}

impl SqueezeExcite {
    /// Packs the weights `[hidden][channels]` and `[channels][hidden]`, each with its bias.
    pub fn new(
        kernels: &Kernels,
        [channels, hidden]: [usize; 2],
        reduce: [&[f32]; 2],
        expand: [&[f32]; 2],
        slope: f32,
    ) -> Self {
        let product = |sizes, [weights, bias]: [&[f32]; 2], activation| {
            Pointwise::new(kernels, Rows::One, sizes, weights, Some(bias), activation)
        };
        Self {
            reduce: product([channels, hidden], reduce, Activation::Relu),
            expand: product([hidden, channels], expand, Activation::HardSigmoid { slope }),
            channels: pad(channels),
            hidden: Buffer::zeros(hidden),
            gate: Buffer::zeros(channels),
        }
    }

    /// Channels, padding included.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Multiplies `values`, `[pixels][channels]`, by the gate. `sums`, `[channels]`, are the sums of
    /// each channel, and become their means.
    pub fn run(&mut self, kernels: &Kernels, sums: &mut [f32], values: &mut [f32]) {
        let share = 1.0 / (values.len() / self.channels) as f32;
        sums.iter_mut().for_each(|sum| *sum *= share);
        let (hidden, gate) = (self.hidden.as_mut_slice(), self.gate.as_mut_slice());
        self.reduce.run(kernels, 1, sums, None, hidden);
        self.expand.run(kernels, 1, hidden, None, gate);
        kernels.scale_rows(values, gate);
    }
}
