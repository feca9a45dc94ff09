//! Twin of [`GlobalPool`].

use super::offset;
use crate::GlobalPool;

/// The mean over the positions of each image, `[n][c]`.
pub fn forward(layer: &GlobalPool, input: &[f64]) -> Vec<f64> {
    let shape = layer.input;
    assert_eq!(input.len(), shape.rows() * shape.channels);
    let mut output = Vec::with_capacity(shape.batch * shape.channels);
    for n in 0..shape.batch {
        for c in 0..shape.channels {
            let positions = (0..shape.height).flat_map(|y| (0..shape.width).map(move |x| [n, y, x, c]));
            let sum: f64 = positions.map(|at| input[offset(&shape, at)]).sum();
            output.push(sum / shape.pixels() as f64);
        }
    }
    output
}

/// The gradient of the input: an equal share for every position.
pub fn backward(layer: &GlobalPool, output_gradient: &[f64]) -> Vec<f64> {
    let shape = layer.input;
    let mut gradient = Vec::with_capacity(shape.rows() * shape.channels);
    for of_image in output_gradient.chunks_exact(shape.channels) {
        for _ in 0..shape.pixels() {
            gradient.extend(of_image.iter().map(|g| g / shape.pixels() as f64));
        }
    }
    gradient
}
