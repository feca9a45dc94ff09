//! Twin of [`Dense`].

use super::activation::activate;
use super::{each_tap, offset};
use crate::{Activation, Dense};

/// Index of a weight, `[kernel][kernel][inputs][outputs]`.
fn weight(layer: &Dense, [i, j]: [usize; 2], c: usize, o: usize) -> usize {
    let g = &layer.geometry;
    ((i * g.kernel + j) * g.input.channels + c) * g.outputs + o
}

/// `activate(input * weights + bias)`.
pub fn forward(
    layer: &Dense,
    input: &[f64],
    weights: &[f64],
    bias: Option<&[f64]>,
    activation: Activation,
) -> Vec<f64> {
    let (from, to) = (layer.geometry.input, layer.output());
    let mut sums: Vec<f64> =
        (0..to.rows() * to.channels).map(|at| bias.map_or(0.0, |bias| bias[at % to.channels])).collect();
    each_tap(&layer.geometry, |[n, y, x], [m, v, u], tap| {
        for c in 0..from.channels {
            for o in 0..to.channels {
                sums[offset(&to, [n, y, x, o])] +=
                    input[offset(&from, [m, v, u, c])] * weights[weight(layer, tap, c, o)];
            }
        }
    });
    sums.into_iter().map(|sum| activate(activation, sum)).collect()
}

/// The gradient of the input: every output hands its gradient back to the inputs it was made of.
pub fn data_gradient(layer: &Dense, output_gradient: &[f64], weights: &[f64]) -> Vec<f64> {
    let (from, to) = (layer.geometry.input, layer.output());
    let mut gradient = vec![0.0; from.rows() * from.channels];
    each_tap(&layer.geometry, |[n, y, x], [m, v, u], tap| {
        for c in 0..from.channels {
            for o in 0..to.channels {
                gradient[offset(&from, [m, v, u, c])] +=
                    output_gradient[offset(&to, [n, y, x, o])] * weights[weight(layer, tap, c, o)];
            }
        }
    });
    gradient
}

/// The gradient of the weights, `[kernel][kernel][inputs][outputs]`.
pub fn weight_gradient(layer: &Dense, input: &[f64], output_gradient: &[f64]) -> Vec<f64> {
    let (from, to) = (layer.geometry.input, layer.output());
    let mut gradient = vec![0.0; layer.geometry.kernel.pow(2) * from.channels * to.channels];
    each_tap(&layer.geometry, |[n, y, x], [m, v, u], tap| {
        for c in 0..from.channels {
            for o in 0..to.channels {
                gradient[weight(layer, tap, c, o)] +=
                    input[offset(&from, [m, v, u, c])] * output_gradient[offset(&to, [n, y, x, o])];
            }
        }
    });
    gradient
}
