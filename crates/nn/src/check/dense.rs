//! Cases of the dense convolution.

use super::activation::shape_name;
use super::layout::Layout;
use super::noise::uniform;
use super::reduce::with_sums;
use super::trial::Trial;
use super::{Case, HALF_STORAGE, TRAINING_STORAGE};
use crate::{Activation, Dense, Geometry, Padding, Shape, cpu};
use Padding::{Same, Symmetric};
use photonet_gpu::Storage;

pub(super) fn cases() -> Vec<Case> {
    let shape = Shape::new;
    let linear = (false, Activation::Identity);
    let mut cases = Vec::new();
    // input, outputs, kernel, stride, padding, bias and activation
    for (input, outputs, kernel, stride, padding, fused) in [
        (shape(1, 1, 1, 3), 8, 3, 2, Symmetric, linear),
        (shape(2, 1, 1, 960), 18, 3, 1, Same, linear),
        (shape(1, 7, 7, 72), 30, 3, 1, Symmetric, (true, Activation::Relu)),
        (shape(5, 7, 7, 3), 8, 5, 2, Symmetric, linear),
        (shape(2, 15, 15, 3), 18, 3, 2, Same, (true, Activation::HardSwish)),
        (shape(5, 16, 15, 3), 8, 3, 2, Same, linear),
        (shape(1, 15, 15, 8), 72, 5, 1, Same, linear),
        (shape(2, 16, 16, 18), 3, 5, 2, Same, linear),
        (shape(1, 7, 7, 8), 960, 3, 2, Symmetric, linear),
        (shape(1, 112, 112, 3), 8, 3, 2, Same, (true, Activation::HardSwish)),
        (shape(2, 112, 112, 3), 18, 3, 2, Symmetric, linear),
    ] {
        let layer = Dense { geometry: Geometry { input, outputs, kernel, stride, padding } };
        let name = format!("{}->{outputs} k{kernel} s{stride} {padding:?}", shape_name(&input));
        cases.push(forward(layer, &name, fused, Storage::default()));
        if fused.0 {
            cases.extend(HALF_STORAGE.map(|storage| forward(layer, &name, fused, storage)));
        } else {
            cases.push(forward(layer, &name, fused, TRAINING_STORAGE[1]));
        }
        cases.push(data_gradient(layer, &name));
        cases.extend(TRAINING_STORAGE.map(|storage| weight_gradient(layer, &name, storage)));
    }
    cases
}

fn input(layer: &Dense) -> Vec<f64> {
    uniform(41, Layout::of(&layer.geometry.input).len())
}

fn weight_layout(layer: &Dense) -> Layout {
    let g = &layer.geometry;
    Layout::weights(g.kernel * g.kernel, g.input.channels, g.outputs)
}

fn weights(layer: &Dense) -> Vec<f64> {
    uniform(42, weight_layout(layer).len())
}

fn output_gradient(layer: &Dense) -> Vec<f64> {
    uniform(43, Layout::of(&layer.output()).len())
}

fn forward(layer: Dense, name: &str, (with_bias, activation): (bool, Activation), storage: Storage) -> Case {
    let name = format!("{name}{} {activation:?}", if with_bias { " bias" } else { "" });
    Case::new("dense/forward", name, move || {
        let mut trial = Trial::default().stored(storage);
        let (mut seen, mut filter) = (input(&layer), weights(&layer));
        let x = trial.values(Layout::of(&layer.geometry.input), &mut seen);
        let w = trial.weights(weight_layout(&layer), &mut filter);
        let outputs = layer.geometry.outputs;
        let bias = with_bias.then(|| uniform(44, outputs));
        let expected = cpu::dense::forward(&layer, &seen, &filter, bias.as_deref(), activation);
        let bias = bias.map(|bias| trial.input(Layout::channels(outputs), &bias));
        let y = trial.activated("output", activation, Layout::of(&layer.output()), expected);
        trial.record(move |plan, at| {
            layer.forward(plan, "check", at(x), at(w), bias.map(at), activation, at(y));
        })
    })
    .stored(storage)
}

fn data_gradient(layer: Dense, name: &str) -> Case {
    Case::new("dense/data_gradient", name, move || {
        let mut trial = Trial::default();
        let (g, w) = (output_gradient(&layer), weights(&layer));
        let expected = cpu::dense::data_gradient(&layer, &g, &w);
        let g = trial.input(Layout::of(&layer.output()), &g);
        let w = trial.input(weight_layout(&layer), &w);
        let dx = trial.output("input_gradient", Layout::of(&layer.geometry.input), expected);
        trial.record(move |plan, at| layer.data_gradient(plan, "check", at(g), at(w), at(dx)))
    })
}

fn weight_gradient(layer: Dense, name: &str, storage: Storage) -> Case {
    Case::new("dense/weight_gradient", name, move || {
        let mut trial = Trial::default().stored(storage);
        let (mut seen, mut gradient) = (input(&layer), output_gradient(&layer));
        let g = trial.gradients(Layout::of(&layer.output()), &mut gradient);
        let x = trial.values(Layout::of(&layer.geometry.input), &mut seen);
        let expected = cpu::dense::weight_gradient(&layer, &seen, &gradient);
        let dw = trial.output("weight_gradient", weight_layout(&layer), expected);
        trial.record(move |plan, at| {
            with_sums(plan, |plan, sums| layer.weight_gradient(plan, "check", at(x), at(g), at(dw), sums));
        })
    })
    .stored(storage)
}
