//! Cases of convolutions that leave a batch normalisation's sums, together with the normalisation that takes them.

use super::activation::shape_name;
use super::layout::Layout;
use super::noise::uniform;
use super::operand::{GradientSource, Source};
use super::reduce::with_sums;
use super::trial::{GRADIENT_SHIFT, Kernels, Trial};
use super::unit::{NormFollowing, UnitBehind, between, norm};
use super::{Case, ON_UNITS, TOLERANCE, TRAINING_STORAGE};
use crate::pointwise::tiles;
use crate::{Activation, Depthwise, Geometry, Operand, Padding, Pointwise, Shape, Target, cpu};
use Padding::{Same, Symmetric};
use photonet_gpu::DeviceClass::{Discrete, Integrated, Software};
use photonet_gpu::{Format, MatrixUnits, Storage};
use std::ops::Range;

pub(super) fn cases() -> Vec<Case> {
    let shape = Shape::new;
    let mut cases = Vec::new();
    // shape of the product's input, outputs, activation of the unit before, residual
    for (input, outputs, activation, residual) in [
        (shape(1, 1, 1, 3), 8, Activation::Relu, false),
        (shape(5, 1, 1, 72), 18, Activation::HardSwish, false),
        (shape(2, 7, 7, 960), 72, Activation::HardSwish, false),
        (shape(5, 15, 15, 30), 18, Activation::Identity, true),
        (shape(5, 15, 15, 18), 30, Activation::Relu, true),
        (shape(2, 112, 112, 8), 62, Activation::HardSwish, true),
        (shape(2, 112, 112, 62), 18, Activation::HardSwish, false),
    ] {
        let layer = Pointwise { rows: input.rows(), inputs: input.channels, outputs };
        let name = format!(
            "{}x{}x{} {}->{outputs} behind {activation:?}",
            input.batch, input.height, input.width, input.channels
        );
        for class in [Discrete, Software] {
            let name = format!("{name} for {class:?}");
            // Deviations from a mean that is rounded itself.
            for storage in TRAINING_STORAGE {
                let forward = forward(layer, input, activation, class, &name, storage);
                let backward = backward(layer, input, activation, residual, class, &name, storage);
                cases.push(forward.tolerance(tolerance(counted(storage, class == Discrete))));
                cases.push(backward.tolerance(through_memory(storage)));
            }
        }
    }
    // More slabs than one workgroup merges: of the smallest tile.
    let (input, smallest) = (shape(11, 112, 112, 3), Kernels::variant(0));
    let layer = Pointwise { rows: input.rows(), inputs: 3, outputs: 3 };
    for storage in TRAINING_STORAGE {
        let name = "11x112x112 3->3 tile 0";
        let case = forward(layer, input, Activation::Relu, smallest, name, storage);
        cases.push(case.tolerance(tolerance(counted(storage, true))));
        let case = backward(layer, input, Activation::Relu, false, smallest, name, storage);
        cases.push(case.tolerance(through_memory(storage)));
    }
    // Every tile, as in the cases of 1x1 convolutions.
    for (input, outputs) in [(shape(2, 15, 10, 44), 18), (shape(2, 15, 10, 18), 44)] {
        let layer = Pointwise { rows: input.rows(), inputs: input.channels, outputs };
        let name = |number| format!("2x15x10 {}->{outputs} tile {number}", input.channels);
        let ([_, _, of_forward, of_gradient, _], storage) = (tiles::variants(None), Storage::default());
        for number in of_forward {
            let kernels = Kernels::variant(number);
            let case = forward(layer, input, Activation::HardSwish, kernels, &name(number), storage);
            cases.push(case.tolerance(tolerance(counted(storage, true))));
        }
        for number in of_gradient {
            let kernels = Kernels::variant(number);
            let case = backward(layer, input, Activation::Relu, true, kernels, &name(number), storage);
            cases.push(case.tolerance(through_memory(storage)));
        }
    }
    cases.extend(depthwise_cases());
    cases
}

/// Products on matrix units: every tile, of one and of several beside one another, and the rule's for a shape of several steps.
pub(super) fn on_units(units: MatrixUnits) -> Vec<Case> {
    let mut cases = Vec::new();
    let [_, storage] = TRAINING_STORAGE;
    for (input, outputs, every) in [
        (Shape::new(2, 15, 10, 44), 18, true),
        (Shape::new(2, 15, 10, 18), 68, true),
        (Shape::new(2, 15, 10, 140), 212, true),
        (Shape::new(3, 31, 33, 132), 200, false),
        (Shape::new(1, 112, 112, 16), 64, false),
    ] {
        let layer = Pointwise { rows: input.rows(), inputs: input.channels, outputs };
        let [_, _, of_forward, of_gradient, _] = tiles::variants(Some(units));
        let numbers = |of: Range<usize>| if every { of.map(Some).collect() } else { vec![None] };
        let [n, h, w, c] = [input.batch, input.height, input.width, input.channels];
        let name = |number: Option<usize>| {
            let tile = number.map_or(String::new(), |number| format!(" tile {number}"));
            format!("{n}x{h}x{w} {c}->{outputs}{tile} on matrix units")
        };
        let kernels = |variant| Kernels { variant, ..Discrete.into() }.on_units(units);
        for number in numbers(of_forward) {
            let case = forward(layer, input, Activation::HardSwish, kernels(number), &name(number), storage);
            cases.push(case.tolerance(ON_UNITS));
        }
        for number in numbers(of_gradient) {
            let case =
                backward(layer, input, Activation::Relu, every, kernels(number), &name(number), storage);
            cases.push(case.tolerance(through_memory(storage)));
        }
    }
    cases
}

/// Convolutions with their padding, and whether a skip connection's gradient is added.
fn depthwise_layers() -> Vec<(Depthwise, Padding, bool)> {
    let shape = Shape::new;
    [
        (shape(1, 1, 1, 3), 3, 1, Symmetric, false),
        (shape(2, 7, 7, 960), 3, 1, Symmetric, false),
        (shape(2, 112, 112, 18), 3, 1, Same, false),
        (shape(1, 15, 7, 18), 3, 1, Symmetric, true),
        (shape(2, 15, 15, 18), 3, 2, Same, true),
        (shape(1, 14, 15, 30), 3, 2, Symmetric, true),
        (shape(5, 7, 7, 30), 5, 1, Same, true),
        (shape(2, 28, 7, 132), 5, 1, Symmetric, true),
        (shape(2, 3, 3, 72), 5, 2, Same, false),
        (shape(5, 15, 14, 72), 5, 2, Symmetric, false),
        (shape(1, 112, 112, 8), 5, 2, Same, false),
        // Several groups of images that share a workgroup.
        (shape(6, 15, 15, 18), 3, 1, Symmetric, true),
        (shape(8, 7, 7, 240), 5, 1, Same, true),
        (shape(10, 14, 14, 18), 3, 2, Same, true),
        (shape(12, 7, 7, 18), 3, 1, Symmetric, true),
        (shape(12, 8, 8, 18), 3, 2, Symmetric, true),
        (shape(24, 8, 7, 72), 5, 2, Symmetric, false),
        (shape(32, 2, 2, 30), 5, 1, Symmetric, true),
        (shape(20, 1, 1, 72), 5, 1, Symmetric, true),
        // So few rows that kernels of few columns are spread as those of many.
        (shape(2, 1, 4, 72), 3, 1, Symmetric, true),
        (shape(2, 2, 2, 72), 3, 2, Symmetric, false),
    ]
    .into_iter()
    .filter_map(|(input, kernel, stride, padding, residual)| {
        let layer = Depthwise::new(input, kernel, stride, padding)?;
        Some((layer, padding, residual))
    })
    .collect()
}

fn depthwise_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    // One activation, and both kinds of residual for the first kernel alone, of which networks have both: these texts take compilers long,
    // and the products above have the others.
    let activation = Activation::HardSwish;
    for (number, (layer, padding, residual)) in depthwise_layers().into_iter().enumerate() {
        let Geometry { input, kernel, stride, .. } = *layer.geometry();
        let [n, h, w, c] = [input.batch, input.height, input.width, input.channels];
        let name = format!("{n}x{h}x{w}x{c} k{kernel} s{stride} {padding:?} behind {activation:?}");
        let few = format!("{name} for {Integrated:?}");
        for (at, storage) in TRAINING_STORAGE.into_iter().enumerate() {
            let counted = tolerance(counted(storage, leaves_statistics(&layer)));
            let forward = |class, name: &str| {
                depthwise_forward(layer, activation, class, name, storage).tolerance(counted)
            };
            let backward = |both, class, name: &str| {
                depthwise_backward(layer, activation, (residual, both), class, name, storage)
                    .tolerance(through_memory(storage))
            };
            cases.push(forward(Discrete, &name));
            cases.push(backward(false, Discrete, &name));
            cases.push(backward(true, Discrete, &name));
            // The same text with other numbers: every other layer in each format, and both gradients, which are two kernels, in one case.
            if at == number % 2 {
                cases.push(forward(Integrated, &few));
                cases.push(backward(true, Integrated, &few));
            }
        }
    }
    cases
}

/// Small images on matrix units: the last are several to a workgroup.
pub(super) fn images_on_units(units: MatrixUnits) -> Vec<Case> {
    let shape = Shape::new;
    let [_, storage] = TRAINING_STORAGE;
    // The last variant, whatever the rule says of images of a size.
    let kernels = Kernels { variant: Some(2), ..Kernels::from(Discrete).on_units(units) };
    let mut cases = Vec::new();
    for (input, stride, padding, residual) in [
        (shape(5, 7, 7, 30), 1, Same, true),
        (shape(600, 7, 7, 16), 1, Symmetric, false),
        (shape(3, 5, 6, 18), 1, Symmetric, true),
        (shape(2, 14, 14, 24), 2, Symmetric, false),
        (shape(40, 14, 13, 12), 2, Same, false),
        (shape(3, 11, 10, 18), 2, Symmetric, false),
        (shape(61, 3, 3, 480), 1, Symmetric, true),
        (shape(61, 14, 14, 480), 2, Symmetric, false),
    ] {
        let Some(layer) = Depthwise::new(input, 5, stride, padding) else { continue };
        for activation in [Activation::Relu, Activation::HardSwish] {
            let name =
                format!("{} k5 s{stride} {padding:?} {activation:?} on matrix units", shape_name(&input));
            let case = depthwise_forward(layer, activation, kernels, &name, storage);
            cases.push(case.tolerance(ON_UNITS));
            if stride == 1 {
                let case = depthwise_backward(layer, activation, (residual, false), kernels, &name, storage);
                cases.push(case.tolerance(through_memory(storage)));
            }
        }
    }
    cases
}

fn depthwise_forward(
    layer: Depthwise,
    activation: Activation,
    kernels: impl Into<Kernels>,
    name: &str,
    storage: Storage,
) -> Case {
    let kernels = kernels.into();
    Case::new("depthwise/forward_statistics", name, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let Geometry { input, kernel, .. } = *layer.geometry();
        let values = uniform(1, input.rows() * input.channels);
        let (x, mut seen) = Source::new(&mut trial, (input.rows(), input.channels), values, Some(activation));
        let mut weights = uniform(2, kernel * kernel * input.channels);
        let w = trial.input(Layout::rows(kernel * kernel, input.channels), &weights);
        kernels.multiplied(&mut seen, 0);
        kernels.multiplied(&mut weights, 0);
        let output = cpu::depthwise::forward(&layer, &seen, &weights, None, Activation::Identity);
        let following = NormFollowing::new(
            &mut trial,
            norm(layer.output()),
            &output,
            counted(storage, leaves_statistics(&layer)),
        );
        let y = trial.activated("output", Activation::Identity, Layout::of(&layer.output()), output);
        trial.record(move |plan, at| {
            let slabs = layer.forward_for_norm(plan, "check", x.operand(at), at(w), at(y));
            following.prepare(plan, at, at(y), slabs);
        })
    })
    .stored(storage)
}

fn depthwise_backward(
    layer: Depthwise,
    activation: Activation,
    (residual, both): (bool, bool),
    kernels: impl Into<Kernels>,
    name: &str,
    storage: Storage,
) -> Case {
    let kernels = kernels.into();
    let name = format!("{name}{}", if residual { " residual" } else { "" });
    let of = if both { "depthwise/gradients" } else { "depthwise/data_gradient_sums" };
    Case::new(of, name, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let Geometry { input, kernel, .. } = *layer.geometry();
        let filter = Layout::rows(kernel * kernel, input.channels);
        let mut weights = uniform(2, kernel * kernel * input.channels);
        let w = trial.input(filter, &weights);
        kernels.multiplied(&mut weights, 0);
        let output = layer.output();
        let (through, size) = (layer.takes_gradients_on_load(Discrete), (output.rows(), output.channels));
        let gradient = uniform(3, Layout::of(&output).len());
        let (g, mut gradient) = GradientSource::new(&mut trial, size, gradient, through);
        kernels.multiplied(&mut gradient, GRADIENT_SHIFT);
        let (skip, between) = between(&mut trial, &input, residual);
        let mut own = cpu::depthwise::data_gradient(&layer, &gradient, &weights);
        for (own, skip) in own.iter_mut().zip(skip.iter().flatten()) {
            *own += skip;
        }
        let (unit, seen) = UnitBehind::new(&mut trial, input, activation, &own);
        let filter_gradient = both.then(|| {
            let expected = cpu::depthwise::weight_gradient(&layer, &seen, &gradient);
            trial.output("weight gradient", filter, expected)
        });
        trial.record(move |plan, at| {
            let (g, w, behind) = (g.operand(at), at(w), unit.behind(at));
            let target = Target { tensor: at(between), adds: residual };
            let gradient = match filter_gradient {
                Some(dw) => {
                    let input = Operand { tensor: behind.raw, norm: Some(behind.norm) };
                    with_sums(plan, |plan, sums| {
                        layer.gradients_behind(plan, "check", input, g, w, &behind, target, at(dw), sums)
                    })
                }
                None => layer.data_gradient_behind(plan, "check", g, w, &behind, target),
            };
            unit.finish(plan, at, gradient);
        })
    })
    .stored(storage)
}

fn forward(
    layer: Pointwise,
    input: Shape,
    activation: Activation,
    kernels: impl Into<Kernels>,
    name: &str,
    storage: Storage,
) -> Case {
    let kernels = kernels.into();
    let class = kernels.class;
    Case::new("pointwise/forward_statistics", name, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let norm = norm(input.with_channels(layer.outputs));
        let values = uniform(1, layer.rows * layer.inputs);
        let (x, mut seen) = Source::new(&mut trial, (layer.rows, layer.inputs), values, Some(activation));
        let mut weights = uniform(2, layer.inputs * layer.outputs);
        let w = trial.input(Layout::weights(1, layer.inputs, layer.outputs), &weights);
        kernels.multiplied(&mut seen, 0);
        kernels.multiplied(&mut weights, 0);
        let output = cpu::pointwise::forward(&layer, &seen, &weights, None, Activation::Identity, None);
        let following = NormFollowing::new(&mut trial, norm, &output, counted(storage, class == Discrete));
        let y =
            trial.activated("output", Activation::Identity, Layout::rows(layer.rows, layer.outputs), output);
        trial.record(move |plan, at| {
            let slabs = layer.forward_for_norm(plan, "check", x.operand(at), None, at(w), at(y));
            following.prepare(plan, at, at(y), slabs);
        })
    })
    .stored(storage)
}

fn backward(
    layer: Pointwise,
    input: Shape,
    activation: Activation,
    residual: bool,
    kernels: impl Into<Kernels>,
    name: &str,
    storage: Storage,
) -> Case {
    let kernels = kernels.into();
    let class = kernels.class;
    let name = format!("{name}{}", if residual { " residual" } else { "" });
    Case::new("pointwise/data_gradient_sums", name, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let mut weights = uniform(2, layer.inputs * layer.outputs);
        let w = trial.input(Layout::weights(1, layer.inputs, layer.outputs), &weights);
        kernels.multiplied(&mut weights, 0);
        let (through, size) = (Pointwise::takes_gradients_on_load(class), (layer.rows, layer.outputs));
        let gradient = uniform(3, layer.rows * layer.outputs);
        let (g, mut gradient) = GradientSource::new(&mut trial, size, gradient, through);
        kernels.multiplied(&mut gradient, GRADIENT_SHIFT);
        let (skip, between) = between(&mut trial, &input, residual);
        let own = cpu::pointwise::data_gradient(&layer, &gradient, &weights, skip.as_deref());
        let (unit, _) = UnitBehind::new(&mut trial, input, activation, &own);
        trial.record(move |plan, at| {
            let (behind, target) = (unit.behind(at), Target { tensor: at(between), adds: residual });
            let gradient = layer.data_gradient_behind(plan, "check", g.operand(at), at(w), &behind, target);
            unit.finish(plan, at, gradient);
        })
    })
    .stored(storage)
}

/// Whether the outputs are large enough for it, on a GPU.
fn leaves_statistics(layer: &Depthwise) -> bool {
    layer.statistics_walks(Discrete).is_some()
}

/// What the statistics are taken of: where the convolution leaves them, of its sums before they are stored.
pub(super) fn counted(storage: Storage, leaves_them: bool) -> Format {
    if leaves_them { Format::Single } else { storage.values }
}

/// How far statistics may be off. Of values stored in half precision, sums that differ in their last bit may be rounded to
/// neighbours.
pub(super) fn tolerance(counted: Format) -> f64 {
    match counted {
        Format::Single => 3.0 * TOLERANCE,
        Format::Half | Format::Brain => 1e-5,
    }
}

/// How far the gradients behind a unit may be off: what a convolution hands to the unit lies in memory in between, and its
/// sums cancel.
pub(super) fn through_memory(storage: Storage) -> f64 {
    match storage.gradients {
        Format::Single | Format::Half => 3.0 * TOLERANCE,
        Format::Brain => 1.0 / 256.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depthwise::Walks;

    #[test]
    fn every_depthwise_kernel_has_workgroups_of_several_images_and_several_of_these() {
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            let layers = || {
                depthwise_layers().into_iter().map(|(layer, ..)| layer).filter(move |layer| {
                    (layer.geometry().kernel, layer.geometry().stride) == (kernel, stride)
                })
            };
            for class in [Discrete, Integrated] {
                let walk = |walks: Walks| if class == Discrete { walks.many } else { walks.few };
                let shared = |layer: &Depthwise, walks: Option<Walks>| {
                    let batch = layer.geometry().input.batch;
                    walks.map(walk).is_some_and(|walk| walk.images > 1 && walk.images < batch)
                };
                let forward = layers().any(|layer| shared(&layer, layer.statistics_walks(class)));
                let backward = layers().any(|layer| shared(&layer, layer.gradient_walks(class)));
                assert!(forward && backward, "{class:?} {kernel} {stride}: {forward} {backward}");
            }
        }
    }
}
