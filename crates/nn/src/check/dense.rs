//! Cases of the dense convolution.

use super::activation::shape_name;
use super::fused::{counted, tolerance};
use super::layout::Layout;
use super::noise::uniform;
use super::operand::GradientSource;
use super::reduce::with_sums;
use super::trial::{GRADIENT_SHIFT, Kernels, Trial};
use super::unit::{NormFollowing, norm};
use super::{Case, HALF_STORAGE, ON_UNITS, TRAINING_STORAGE};
use crate::{Activation, Dense, Geometry, Padding, Shape, cpu};
use Padding::{Same, Symmetric};
use photonet_gpu::DeviceClass::Discrete;
use photonet_gpu::{MatrixUnits, Storage};

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

/// Convolutions for a batch normalisation behind them, and of gradients that go back through one.
pub(super) fn fused() -> Vec<Case> {
    let shape = Shape::new;
    let mut cases = Vec::new();
    for (input, outputs, kernel, stride, padding) in [
        (shape(1, 1, 1, 3), 8, 3, 2, Symmetric),
        (shape(2, 15, 7, 3), 18, 3, 2, Same),
        (shape(5, 16, 15, 3), 8, 3, 2, Symmetric),
        (shape(2, 9, 14, 8), 72, 5, 1, Same),
        (shape(2, 7, 7, 72), 960, 3, 1, Symmetric),
        (shape(2, 112, 112, 3), 30, 3, 2, Same),
    ] {
        let layer = Dense { geometry: Geometry { input, outputs, kernel, stride, padding } };
        let name = format!("{}->{outputs} k{kernel} s{stride} {padding:?}", shape_name(&input));
        for storage in TRAINING_STORAGE {
            let counted = counted(storage, layer.output().pixels() > 4);
            cases.push(with_statistics(layer, &name, Discrete, storage).tolerance(tolerance(counted)));
            cases.push(gradient_through(layer, &name, Discrete, storage));
        }
    }
    cases
}

/// The stem on matrix units: of several images, one and several turns across, both paddings, with and without edges; in the last case a
/// workgroup goes down several rows.
pub(super) fn on_units(units: MatrixUnits) -> Vec<Case> {
    let shape = Shape::new;
    let [_, storage] = TRAINING_STORAGE;
    let kernels = Kernels::from(Discrete).on_units(units);
    let mut cases = Vec::new();
    for (input, outputs, padding) in [
        (shape(2, 8, 9, 3), 8, Symmetric),
        (shape(3, 17, 15, 3), 12, Same),
        (shape(2, 64, 32, 3), 16, Same),
        (shape(1, 40, 133, 3), 16, Symmetric),
        (shape(2, 22, 224, 3), 10, Same),
        (shape(120, 72, 5, 3), 16, Symmetric),
    ] {
        let layer = Dense { geometry: Geometry { input, outputs, kernel: 3, stride: 2, padding } };
        let name = format!("{}->{outputs} {padding:?} on matrix units", shape_name(&input));
        cases.push(with_statistics(layer, &name, kernels, storage).tolerance(ON_UNITS));
        cases.push(gradient_through(layer, &name, kernels, storage).tolerance(ON_UNITS));
    }
    cases
}

/// A convolution that leaves the statistics of its output, and the normalisation that takes them.
fn with_statistics(layer: Dense, name: &str, kernels: impl Into<Kernels>, storage: Storage) -> Case {
    let kernels = kernels.into();
    Case::new("dense/forward_statistics", name, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let Geometry { input, outputs, kernel, .. } = layer.geometry;
        let mut seen = uniform(1, Layout::of(&input).len());
        let x = trial.values(Layout::of(&input), &mut seen);
        let filter = Layout::weights(kernel * kernel, input.channels, outputs);
        let mut weights = uniform(2, filter.len());
        let w = trial.input(filter, &weights);
        kernels.multiplied(&mut seen, 0);
        kernels.multiplied(&mut weights, 0);
        let output = cpu::dense::forward(&layer, &seen, &weights, None, Activation::Identity);
        let counted = counted(storage, layer.output().pixels() > 4);
        let following = NormFollowing::new(&mut trial, norm(layer.output()), &output, counted);
        let y = trial.activated("output", Activation::Identity, Layout::of(&layer.output()), output);
        trial.record(move |plan, at| {
            let slabs = layer.forward_for_norm(plan, "check", at(x), at(w), at(y));
            following.prepare(plan, at, at(y), slabs);
        })
    })
    .stored(storage)
}

/// Of a gradient that goes back through the normalisation while it is loaded.
fn gradient_through(layer: Dense, name: &str, kernels: impl Into<Kernels>, storage: Storage) -> Case {
    let kernels = kernels.into();
    Case::new("dense/weight_gradient", format!("{name} through"), move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let Geometry { input, outputs, kernel, .. } = layer.geometry;
        let output = layer.output();
        let mut seen = uniform(1, Layout::of(&input).len());
        let gradient = uniform(3, Layout::of(&output).len());
        let x = trial.values(Layout::of(&input), &mut seen);
        let (g, mut gradient) = GradientSource::new(&mut trial, (output.rows(), outputs), gradient, true);
        kernels.multiplied(&mut seen, 0);
        kernels.multiplied(&mut gradient, GRADIENT_SHIFT);
        let expected = cpu::dense::weight_gradient(&layer, &seen, &gradient);
        let dw = trial.output(
            "weight_gradient",
            Layout::weights(kernel * kernel, input.channels, outputs),
            expected,
        );
        trial.record(move |plan, at| {
            with_sums(plan, |plan, sums| {
                layer.weight_gradient(plan, "check", at(x), g.operand(at), at(dw), sums);
            });
        })
    })
    .stored(storage)
}
