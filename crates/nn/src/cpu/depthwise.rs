//! Twin of [`Depthwise`].

use super::activation::activate;
use super::{each_tap, offset};
use crate::{Activation, Depthwise};

/// Index of a weight, `[kernel][kernel][channels]`.
fn weight(layer: &Depthwise, [i, j]: [usize; 2], c: usize) -> usize {
    let g = layer.geometry();
    (i * g.kernel + j) * g.input.channels + c
}

/// `activate(input * weights + bias)`, every channel with its own filter.
pub fn forward(
    layer: &Depthwise,
    input: &[f64],
    weights: &[f64],
    bias: Option<&[f64]>,
    activation: Activation,
) -> Vec<f64> {
    let (from, to) = (layer.geometry().input, layer.output());
    let mut sums: Vec<f64> =
        (0..to.rows() * to.channels).map(|at| bias.map_or(0.0, |bias| bias[at % to.channels])).collect();
    each_tap(layer.geometry(), |[n, y, x], [m, v, u], tap| {
        for c in 0..to.channels {
            sums[offset(&to, [n, y, x, c])] +=
                input[offset(&from, [m, v, u, c])] * weights[weight(layer, tap, c)];
        }
    });
    sums.into_iter().map(|sum| activate(activation, sum)).collect()
}

/// The gradient of the input: every output hands its gradient back to the inputs it was made of.
pub fn data_gradient(layer: &Depthwise, output_gradient: &[f64], weights: &[f64]) -> Vec<f64> {
    let (from, to) = (layer.geometry().input, layer.output());
    let mut gradient = vec![0.0; from.rows() * from.channels];
    each_tap(layer.geometry(), |[n, y, x], [m, v, u], tap| {
        for c in 0..to.channels {
            gradient[offset(&from, [m, v, u, c])] +=
                output_gradient[offset(&to, [n, y, x, c])] * weights[weight(layer, tap, c)];
        }
    });
    gradient
}

/// The gradient of the weights, `[kernel][kernel][channels]`.
pub fn weight_gradient(layer: &Depthwise, input: &[f64], output_gradient: &[f64]) -> Vec<f64> {
    let (from, to) = (layer.geometry().input, layer.output());
    let mut gradient = vec![0.0; layer.geometry().kernel.pow(2) * to.channels];
    each_tap(layer.geometry(), |[n, y, x], [m, v, u], tap| {
        for c in 0..to.channels {
            gradient[weight(layer, tap, c)] +=
                input[offset(&from, [m, v, u, c])] * output_gradient[offset(&to, [n, y, x, c])];
        }
    });
    gradient
}
