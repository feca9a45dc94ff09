//! Twin of [`SqueezeExcite`].

use super::{activation, pointwise, pool};
use crate::{Activation, GlobalPool, Pointwise, SqueezeExcite};

/// Weights and biases of the two products, or their gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// `[channels][hidden]`.
    pub reduce_weight: Vec<f64>,
    /// `[hidden]`.
    pub reduce_bias: Vec<f64>,
    /// `[hidden][channels]`.
    pub expand_weight: Vec<f64>,
    /// `[channels]`.
    pub expand_bias: Vec<f64>,
}

/// The values between input and gate.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Mean of each channel, `[batch][channels]`.
    pub pooled: Vec<f64>,
    /// Before the ReLU, `[batch][hidden]`.
    pub reduced: Vec<f64>,
    /// After the ReLU, `[batch][hidden]`.
    pub hidden: Vec<f64>,
    /// Before the hardsigmoid, `[batch][channels]`.
    pub expanded: Vec<f64>,
    /// After the hardsigmoid, `[batch][channels]`.
    pub gate: Vec<f64>,
}

fn pool_of(layer: &SqueezeExcite) -> GlobalPool {
    GlobalPool { input: layer.shape }
}

fn products(layer: &SqueezeExcite) -> (Pointwise, Pointwise) {
    let (rows, channels, hidden) = (layer.shape.batch, layer.shape.channels, layer.hidden);
    (
        Pointwise { rows, inputs: channels, outputs: hidden },
        Pointwise { rows, inputs: hidden, outputs: channels },
    )
}

fn gate_of(layer: &SqueezeExcite) -> Activation {
    Activation::HardSigmoid { slope: layer.slope }
}

/// The number of the image and channel that an element of the input belongs to, in `[batch][channels]`.
fn image_and_channel(layer: &SqueezeExcite, at: usize) -> usize {
    let channels = layer.shape.channels;
    at / (channels * layer.shape.pixels()) * channels + at % channels
}

/// Pooling, the two products and their activations.
pub fn state(layer: &SqueezeExcite, input: &[f64], parameters: &Parameters) -> State {
    let (reduce, expand) = products(layer);
    let linear = Activation::Identity;
    let (w, b) = (&parameters.reduce_weight, &parameters.reduce_bias);
    let pooled = pool::forward(&pool_of(layer), input);
    let reduced = pointwise::forward(&reduce, &pooled, w, Some(b), linear, None);
    let hidden = activation::forward(Activation::Relu, &reduced);
    let (w, b) = (&parameters.expand_weight, &parameters.expand_bias);
    let expanded = pointwise::forward(&expand, &hidden, w, Some(b), linear, None);
    let gate = activation::forward(gate_of(layer), &expanded);
    State { pooled, reduced, hidden, expanded, gate }
}

/// `input * hardsigmoid(expand(relu(reduce(mean(input)))))`.
pub fn forward(layer: &SqueezeExcite, input: &[f64], parameters: &Parameters) -> Vec<f64> {
    let gate = state(layer, input, parameters).gate;
    input.iter().enumerate().map(|(at, x)| x * gate[image_and_channel(layer, at)]).collect()
}

/// The gradients of the parameters and of the input.
pub fn backward(
    layer: &SqueezeExcite,
    input: &[f64],
    parameters: &Parameters,
    output_gradient: &[f64],
) -> (Parameters, Vec<f64>) {
    let (reduce, expand) = products(layer);
    let state = state(layer, input, parameters);
    let mut gate_gradient = vec![0.0; state.gate.len()];
    for (at, (x, g)) in input.iter().zip(output_gradient).enumerate() {
        gate_gradient[image_and_channel(layer, at)] += x * g;
    }
    let expanded = activation::backward(gate_of(layer), &state.expanded, &gate_gradient);
    let hidden = pointwise::data_gradient(&expand, &expanded, &parameters.expand_weight, None);
    let reduced = activation::backward(Activation::Relu, &state.reduced, &hidden);
    let pooled = pointwise::data_gradient(&reduce, &reduced, &parameters.reduce_weight, None);
    let gradients = Parameters {
        reduce_weight: pointwise::weight_gradient(&reduce, &state.pooled, &reduced),
        reduce_bias: pointwise::bias_gradient(&reduce, &reduced),
        expand_weight: pointwise::weight_gradient(&expand, &state.hidden, &expanded),
        expand_bias: pointwise::bias_gradient(&expand, &expanded),
    };
    let through_pool = pool::backward(&pool_of(layer), &pooled);
    let through_gate =
        output_gradient.iter().enumerate().map(|(at, g)| g * state.gate[image_and_channel(layer, at)]);
    let input_gradient = through_gate.zip(through_pool).map(|(gate, pool)| gate + pool).collect();
    (gradients, input_gradient)
}
