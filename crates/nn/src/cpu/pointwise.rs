//! Twin of [`Pointwise`].

use super::activation::activate;
use crate::{Activation, Pointwise};

/// `activate(input weights + bias) + residual`: input `[rows][inputs]`, weights `[inputs][outputs]`,
/// bias `[outputs]`, residual and result `[rows][outputs]`.
pub fn forward(
    layer: &Pointwise,
    input: &[f64],
    weights: &[f64],
    bias: Option<&[f64]>,
    activation: Activation,
    residual: Option<&[f64]>,
) -> Vec<f64> {
    let mut output = Vec::with_capacity(layer.rows * layer.outputs);
    for row in input.chunks_exact(layer.inputs) {
        let mut sums = bias.map_or_else(|| vec![0.0; layer.outputs], <[f64]>::to_vec);
        for (x, w) in row.iter().zip(weights.chunks_exact(layer.outputs)) {
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum += x * w;
            }
        }
        output.extend(sums.iter().map(|&sum| activate(activation, sum)));
    }
    assert_eq!(output.len(), layer.rows * layer.outputs);
    add_residual(&mut output, residual);
    output
}

/// The gradient of the input, `[rows][inputs]`, plus `residual`, from the gradient of the product.
pub fn data_gradient(
    layer: &Pointwise,
    output_gradient: &[f64],
    weights: &[f64],
    residual: Option<&[f64]>,
) -> Vec<f64> {
    let mut gradient = Vec::with_capacity(layer.rows * layer.inputs);
    for g in output_gradient.chunks_exact(layer.outputs) {
        for w in weights.chunks_exact(layer.outputs) {
            gradient.push(g.iter().zip(w).map(|(g, w)| g * w).sum());
        }
    }
    assert_eq!(gradient.len(), layer.rows * layer.inputs);
    add_residual(&mut gradient, residual);
    gradient
}

/// The gradient of the weights, `[inputs][outputs]`.
pub fn weight_gradient(layer: &Pointwise, input: &[f64], output_gradient: &[f64]) -> Vec<f64> {
    let mut gradient = vec![0.0; layer.inputs * layer.outputs];
    let rows = input.chunks_exact(layer.inputs).zip(output_gradient.chunks_exact(layer.outputs));
    assert_eq!(rows.len(), layer.rows);
    for (x, g) in rows {
        for (x, sums) in x.iter().zip(gradient.chunks_exact_mut(layer.outputs)) {
            for (sum, g) in sums.iter_mut().zip(g) {
                *sum += x * g;
            }
        }
    }
    gradient
}

/// The gradient of the bias, `[outputs]`.
pub fn bias_gradient(layer: &Pointwise, output_gradient: &[f64]) -> Vec<f64> {
    let column = |c| output_gradient.iter().skip(c).step_by(layer.outputs).sum();
    (0..layer.outputs).map(column).collect()
}

fn add_residual(values: &mut [f64], residual: Option<&[f64]>) {
    if let Some(residual) = residual {
        assert_eq!(values.len(), residual.len());
        values.iter_mut().zip(residual).for_each(|(v, r)| *v += r);
    }
}
