//! Depthwise convolutions.

use crate::buffer::{Buffer, pad};
use crate::kernel::{DepthwiseTask, Kernels};
use photonet_nn::{Activation, Geometry};

/// `activate(input weights + bias)`, every channel with its own filter.
pub(crate) struct Depthwise {
    geometry: Geometry,
    weights: Buffer,
    bias: Buffer,
    zeros: Buffer,
    activation: Activation,
}

impl Depthwise {
    /// Packs `weights`, `[channels][1][kernel][kernel]`, for images of `geometry`, batch 1.
    pub fn new(geometry: Geometry, weights: &[f32], bias: &[f32], activation: Activation) -> Self {
        let (channels, taps) = (geometry.outputs, geometry.kernel * geometry.kernel);
        let by_tap: Vec<f32> =
            (0..taps).flat_map(|tap| (0..channels).map(move |c| weights[c * taps + tap])).collect();
        Self {
            geometry,
            weights: Buffer::padded(&by_tap, channels),
            bias: Buffer::padded(bias, channels),
            zeros: Buffer::zeros(channels),
            activation,
        }
    }

    /// Runs on one image, `[height][width][channels]` with padded channels; where `sums` are given,
    /// `[channels]`, the outputs are added to them.
    pub fn run(&self, kernels: &Kernels, input: &[f32], output: &mut [f32], sums: Option<&mut [f32]>) {
        kernels.depthwise(DepthwiseTask {
            geometry: self.geometry,
            channels: pad(self.geometry.outputs),
            input,
            weights: self.weights.as_slice(),
            bias: self.bias.as_slice(),
            zeros: self.zeros.as_slice(),
            activation: self.activation,
            output,
            sums,
        });
    }
}
