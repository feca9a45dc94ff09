//! Cases of the depthwise convolution.

use super::layout::Layout;
use super::noise::uniform;
use super::operand::{self, GradientSource, Source};
use super::reduce::with_sums;
use super::trial::{GRADIENT_SHIFT, Kernels, Trial};
use super::{Case, HALF_STORAGE, ON_UNITS, TRAINING_STORAGE};
use crate::{Activation, Depthwise, Padding, Shape, cpu};
use Padding::{Same, Symmetric};
use photonet_gpu::DeviceClass::{self, Discrete, Software};
use photonet_gpu::{MatrixUnits, Storage};

pub(super) fn cases() -> Vec<Case> {
    let shape = Shape::new;
    let linear = (false, Activation::Identity);
    let mut cases = Vec::new();
    // input, kernel, stride, padding, bias and activation
    for (input, kernel, stride, padding, fused) in [
        (shape(1, 1, 1, 3), 3, 1, Symmetric, linear),
        (shape(2, 1, 1, 8), 5, 2, Same, linear),
        (shape(1, 7, 7, 960), 3, 1, Symmetric, (true, Activation::HardSwish)),
        (shape(2, 7, 7, 72), 5, 2, Symmetric, (true, Activation::Relu)),
        (shape(5, 7, 7, 30), 5, 1, Same, linear),
        (shape(2, 15, 15, 18), 3, 2, Same, linear),
        (shape(5, 15, 15, 72), 3, 2, Symmetric, (true, Activation::HardSwish)),
        (shape(1, 15, 7, 30), 5, 1, Symmetric, linear),
        (shape(2, 16, 15, 8), 5, 2, Same, linear),
        (shape(1, 112, 112, 8), 3, 2, Same, linear),
        (shape(2, 112, 112, 3), 3, 1, Same, linear),
        (shape(1, 112, 112, 18), 5, 2, Symmetric, linear),
    ] {
        if let Some(layer) = Depthwise::new(input, kernel, stride, padding) {
            let [n, h, w, c] = [input.batch, input.height, input.width, input.channels];
            let shape = format!("{n}x{h}x{w}x{c} k{kernel} s{stride} {padding:?}");
            let of = |storage| forward(layer, (Software, true), &shape, fused, None, storage);
            cases.push(of(Storage::default()));
            cases.extend(HALF_STORAGE.map(of));
            let quick = Kernels { quick_start: true, ..Software.into() };
            for norm in [None, Some(fused.1)] {
                let shape = format!("{shape} quick start");
                cases.push(weight_gradient(layer, quick, &shape, norm, Storage::default()));
            }
            for class in [Discrete, Software] {
                let shape = format!("{shape} for {class:?}");
                cases.push(forward(layer, (class, false), &shape, fused, None, Storage::default()));
                if fused.0 || kernel == 5 {
                    let half = |storage| forward(layer, (class, false), &shape, fused, None, storage);
                    cases.extend(HALF_STORAGE.map(half));
                }
                cases.extend(TRAINING_STORAGE.map(|storage| data_gradient(layer, class, &shape, storage)));
                for storage in TRAINING_STORAGE {
                    cases.push(forward(layer, (class, false), &shape, linear, Some(fused.1), storage));
                    cases.push(weight_gradient(layer, class, &shape, None, storage));
                    cases.push(weight_gradient(layer, class, &shape, Some(fused.1), storage));
                }
            }
        }
    }
    cases
}

/// The weights on matrix units: several images, rows of one and of several blocks, of less than a turn and of several.
pub(super) fn on_units(units: MatrixUnits) -> Vec<Case> {
    let shape = Shape::new;
    let [_, storage] = TRAINING_STORAGE;
    let kernels = Kernels::from(Discrete).on_units(units);
    let mut cases = Vec::new();
    for (input, stride, padding) in [
        (shape(1, 1, 1, 3), 1, Symmetric),
        (shape(5, 7, 7, 30), 1, Same),
        (shape(3, 15, 16, 18), 1, Symmetric),
        (shape(2, 11, 28, 40), 1, Symmetric),
        (shape(1, 6, 70, 8), 1, Same),
        (shape(600, 7, 7, 16), 1, Symmetric),
        (shape(7, 8, 8, 20), 1, Same),
        (shape(3, 5, 6, 18), 1, Symmetric),
        (shape(2, 14, 14, 24), 2, Symmetric),
        (shape(40, 14, 13, 12), 2, Same),
        (shape(3, 11, 10, 18), 2, Symmetric),
        (shape(5, 7, 7, 30), 2, Symmetric),
        (shape(3, 28, 31, 18), 2, Same),
        (shape(2, 22, 56, 40), 2, Symmetric),
        (shape(1, 6, 140, 8), 2, Same),
    ] {
        let layers = [3, 5].map(|kernel| Depthwise::new(input, kernel, stride, padding));
        for layer in layers.into_iter().flatten() {
            let [n, h, w, c] = [input.batch, input.height, input.width, input.channels];
            let kernel = layer.geometry().kernel;
            let name = format!("{n}x{h}x{w}x{c} k{kernel} s{stride} {padding:?} on matrix units");
            for norm in [None, Some(Activation::HardSwish)] {
                let case = weight_gradient(layer, kernels, &name, norm, storage);
                cases.push(case.tolerance(ON_UNITS));
            }
        }
    }
    cases
}

fn variant(layer: &Depthwise, pass: &str) -> String {
    let g = layer.geometry();
    format!("depthwise/{pass}@k{}s{}", g.kernel, g.stride)
}

/// Uploads the input; returns what the convolution sees of it as well.
fn input(trial: &mut Trial, layer: &Depthwise, norm: Option<Activation>) -> (Source, Vec<f64>) {
    let shape = layer.geometry().input;
    let values = uniform(11, Layout::of(&shape).len());
    Source::new(trial, (shape.rows(), shape.channels), values, norm)
}

fn weight_layout(layer: &Depthwise) -> Layout {
    let g = layer.geometry();
    Layout::rows(g.kernel * g.kernel, g.input.channels)
}

fn weights(layer: &Depthwise) -> Vec<f64> {
    uniform(12, weight_layout(layer).len())
}

fn output_gradient(layer: &Depthwise) -> Vec<f64> {
    uniform(13, Layout::of(&layer.output()).len())
}

fn forward(
    layer: Depthwise,
    (class, quick_start): (DeviceClass, bool),
    shape: &str,
    (with_bias, activation): (bool, Activation),
    norm: Option<Activation>,
    storage: Storage,
) -> Case {
    let bias = if with_bias { " bias" } else { "" };
    let quick = if quick_start { " quick start" } else { "" };
    let shape = format!("{shape}{}{bias} {activation:?}{quick}", operand::note(norm));
    Case::new(variant(&layer, "forward"), shape, move || {
        let mut trial = Trial::for_class(class).quick_start(quick_start).stored(storage);
        let ((x, seen), mut filter) = (input(&mut trial, &layer, norm), weights(&layer));
        let w = trial.weights(weight_layout(&layer), &mut filter);
        let channels = layer.output().channels;
        let bias = with_bias.then(|| uniform(14, channels));
        let expected = cpu::depthwise::forward(&layer, &seen, &filter, bias.as_deref(), activation);
        let bias = bias.map(|bias| trial.input(Layout::channels(channels), &bias));
        let y = trial.activated("output", activation, Layout::of(&layer.output()), expected);
        trial.record(move |plan, at| {
            layer.forward(plan, "check", x.operand(at), at(w), bias.map(at), activation, at(y));
        })
    })
    .stored(storage)
}

fn data_gradient(layer: Depthwise, class: DeviceClass, shape: &str, storage: Storage) -> Case {
    Case::new(variant(&layer, "data_gradient"), shape, move || {
        let mut trial = Trial::for_class(class).stored(storage);
        let (mut gradient, w) = (output_gradient(&layer), weights(&layer));
        let g = trial.gradients(Layout::of(&layer.output()), &mut gradient);
        let expected = cpu::depthwise::data_gradient(&layer, &gradient, &w);
        let w = trial.input(weight_layout(&layer), &w);
        let dx = trial.gradient("input_gradient", Layout::of(&layer.geometry().input), expected);
        trial.record(move |plan, at| {
            layer.data_gradient(plan, "check", at(g), at(w), at(dx));
        })
    })
    .stored(storage)
}

fn weight_gradient(
    layer: Depthwise,
    kernels: impl Into<Kernels>,
    shape: &str,
    norm: Option<Activation>,
    storage: Storage,
) -> Case {
    let kernels = kernels.into();
    let shape = format!("{shape}{}{}", operand::note(norm), GradientSource::note(norm.is_some()));
    Case::new(variant(&layer, "weight_gradient"), shape, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let (x, mut seen) = input(&mut trial, &layer, norm);
        let output = layer.output();
        let size = (output.rows(), output.channels);
        let (g, mut gradient) =
            GradientSource::new(&mut trial, size, output_gradient(&layer), norm.is_some());
        kernels.multiplied(&mut seen, 0);
        kernels.multiplied(&mut gradient, GRADIENT_SHIFT);
        let expected = cpu::depthwise::weight_gradient(&layer, &seen, &gradient);
        let dw = trial.output("weight_gradient", weight_layout(&layer), expected);
        trial.record(move |plan, at| {
            with_sums(plan, |plan, sums| {
                layer.weight_gradient(plan, "check", x.operand(at), g.operand(at), at(dw), sums);
            });
        })
    })
    .stored(storage)
}
