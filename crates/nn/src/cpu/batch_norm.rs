//! Twin of [`BatchNorm`].

use super::activation::{activate, derivative};
use crate::{Activation, BatchNorm, RunningVariance};

/// Mean and variance of each channel: a batch's, or the running ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Mean, `[channels]`.
    pub mean: Vec<f64>,
    /// Variance, `[channels]`.
    pub variance: Vec<f64>,
}

/// What a normalisation is by: the four rows of the tensor `moments`, each `[channels]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: Vec<f64>,
    /// 1 / sqrt(variance + epsilon).
    pub inverse: Vec<f64>,
    /// Factor on the input.
    pub scale: Vec<f64>,
    /// What is added after it.
    pub shift: Vec<f64>,
}

/// The gradients of a backward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// Of gamma, `[channels]`.
    pub gamma: Vec<f64>,
    /// Of beta, `[channels]`.
    pub beta: Vec<f64>,
    /// Of the input, in its shape.
    pub input: Vec<f64>,
}

impl BatchNorm {
    /// With a single row the deviation is zero and nothing is learnt from it: training passes it through.
    fn passes_through(&self) -> bool {
        self.shape.rows() == 1 && !self.frozen
    }
}

/// Mean and biased variance of `input` over its rows, in two passes.
pub fn statistics(layer: &BatchNorm, input: &[f64]) -> Statistics {
    let (rows, channels) = (layer.shape.rows(), layer.shape.channels);
    assert_eq!(input.len(), rows * channels);
    let average = |value: &dyn Fn(usize) -> f64, c: usize| {
        (0..rows).map(|row| value(row * channels + c)).sum::<f64>() / rows as f64
    };
    let mean: Vec<f64> = (0..channels).map(|c| average(&|at| input[at], c)).collect();
    let variance = (0..channels).map(|c| average(&|at| (input[at] - mean[c]).powi(2), c)).collect();
    Statistics { mean, variance }
}

/// The running statistics after a training step on a batch with the biased statistics `batch`.
pub fn update_running(layer: &BatchNorm, running: &Statistics, batch: &Statistics) -> Statistics {
    if layer.frozen || layer.passes_through() {
        return running.clone();
    }
    let rows = layer.shape.rows() as f64;
    let factor = match layer.running_variance {
        RunningVariance::Biased => 1.0,
        RunningVariance::Unbiased => rows / (rows - 1.0),
    };
    let keep = f64::from(layer.keep);
    let blend = |old: &[f64], new: &[f64], factor: f64| {
        old.iter().zip(new).map(|(old, new)| keep * old + (1.0 - keep) * new * factor).collect()
    };
    Statistics {
        mean: blend(&running.mean, &batch.mean, 1.0),
        variance: blend(&running.variance, &batch.variance, factor),
    }
}

/// The moments of a training step: of the batch's statistics, or of the running ones when frozen.
pub fn training_moments(
    layer: &BatchNorm,
    input: &[f64],
    running: &Statistics,
    gamma: &[f64],
    beta: &[f64],
) -> Moments {
    let channels = layer.shape.channels;
    if layer.passes_through() {
        let all = |value| vec![value; channels];
        return Moments { mean: all(0.0), inverse: all(1.0), scale: all(1.0), shift: all(0.0) };
    }
    if layer.frozen {
        return moments(layer, running, gamma, beta);
    }
    moments(layer, &statistics(layer, input), gamma, beta)
}

/// The moments that follow from `statistics`; with the running ones, those of inference.
pub fn moments(layer: &BatchNorm, statistics: &Statistics, gamma: &[f64], beta: &[f64]) -> Moments {
    let epsilon = f64::from(layer.epsilon);
    let inverse: Vec<f64> = statistics.variance.iter().map(|v| 1.0 / (v + epsilon).sqrt()).collect();
    let scale: Vec<f64> = gamma.iter().zip(&inverse).map(|(gamma, inverse)| gamma * inverse).collect();
    let shift = (0..layer.shape.channels).map(|c| beta[c] - statistics.mean[c] * scale[c]).collect();
    Moments { mean: statistics.mean.clone(), inverse, scale, shift }
}

/// What the activation sees: the normalised, scaled and shifted input.
pub fn normalise(input: &[f64], moments: &Moments) -> Vec<f64> {
    let channels = moments.mean.len();
    let value = |(at, x): (usize, &f64)| x * moments.scale[at % channels] + moments.shift[at % channels];
    input.iter().enumerate().map(value).collect()
}

/// `activate(normalised input) + residual`.
pub fn apply(input: &[f64], moments: &Moments, activation: Activation, residual: Option<&[f64]>) -> Vec<f64> {
    let value = |(at, x): (usize, f64)| activate(activation, x) + residual.map_or(0.0, |r| r[at]);
    normalise(input, moments).into_iter().enumerate().map(value).collect()
}

/// The gradients of gamma, beta and the input of `activate(batch normalisation)`.
pub fn backward(
    layer: &BatchNorm,
    input: &[f64],
    moments: &Moments,
    activation: Activation,
    output_gradient: &[f64],
) -> Gradients {
    let (rows, channels) = (layer.shape.rows(), layer.shape.channels);
    let before = normalise(input, moments);
    let g: Vec<f64> =
        before.iter().zip(output_gradient).map(|(&y, g)| g * derivative(activation, y)).collect();
    if layer.passes_through() {
        return Gradients { gamma: vec![0.0; channels], beta: vec![0.0; channels], input: g };
    }
    let mut gradients =
        Gradients { gamma: vec![0.0; channels], beta: vec![0.0; channels], input: vec![0.0; g.len()] };
    for c in 0..channels {
        let positions = || (0..rows).map(|row| row * channels + c);
        let normalised = |at: usize| (input[at] - moments.mean[c]) * moments.inverse[c];
        let sum: f64 = positions().map(|at| g[at]).sum();
        let product: f64 = positions().map(|at| g[at] * normalised(at)).sum();
        gradients.beta[c] = sum;
        gradients.gamma[c] = product;
        for at in positions() {
            // The batch's own mean and variance move with each input; running ones do not.
            let through_statistics =
                if layer.frozen { 0.0 } else { (sum + normalised(at) * product) / rows as f64 };
            gradients.input[at] = moments.scale[c] * (g[at] - through_statistics);
        }
    }
    gradients
}
