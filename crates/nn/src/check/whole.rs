//! Cases of 1x1 convolutions of which a workgroup has all channels, on matrix units.

use super::fused::{counted, through_memory};
use super::layout::Layout;
use super::noise::uniform;
use super::operand::{self, GradientSource, Source};
use super::reduce::with_sums;
use super::trial::{GRADIENT_SHIFT, Kernels, Trial};
use super::unit::{NormFollowing, UnitBehind, between, norm};
use super::{Case, ON_UNITS, TRAINING_STORAGE};
use crate::{Activation, Operand, Pointwise, Shape, Target, cpu};
use photonet_gpu::DeviceClass::Discrete;
use photonet_gpu::{MatrixUnits, Storage};

/// With edges on all sides, several slabs, and one that ends within a step.
pub(super) fn cases(units: MatrixUnits) -> Vec<Case> {
    let mut cases = Vec::new();
    let [_, storage] = TRAINING_STORAGE;
    let kernels = Kernels::from(Discrete).on_units(units);
    let both_ways = [
        (1, 3, 1, 12, 40),
        (2, 33, 15, 9, 12),
        (1, 41, 73, 16, 64),
        (2, 15, 10, 13, 50),
        (3, 31, 33, 24, 72),
        (2, 33, 31, 30, 90),
    ];
    let of = |(batch, height, width, inputs, outputs)| {
        let input = Shape::new(batch, height, width, inputs);
        (Pointwise { rows: input.rows(), inputs, outputs }, input)
    };
    for (layer, input) in both_ways.map(of) {
        for activation in [None, Some(Activation::HardSwish)] {
            let case = forward_whole(layer, input, activation, kernels, storage);
            cases.push(case.tolerance(ON_UNITS));
        }
    }
    // With more inputs there are kernels for the gradients alone.
    for (layer, input) in both_ways.into_iter().chain([(3, 31, 33, 60, 24), (2, 33, 31, 72, 30)]).map(of) {
        for source in [Input::AddedTo, Input::Plain(Activation::Identity), Input::OfUnit] {
            let case = both_gradients(layer, input, source, kernels, storage);
            cases.push(case.tolerance(through_memory(storage)));
        }
    }
    cases
}

/// A product of which a workgroup has all channels, of an input as it is or as it is normalised and activated.
fn forward_whole(
    layer: Pointwise,
    input: Shape,
    activation: Option<Activation>,
    kernels: Kernels,
    storage: Storage,
) -> Case {
    let Shape { batch, height, width, channels } = input;
    let note = operand::note(activation);
    let name = format!("{batch}x{height}x{width} {channels}->{}{note} on matrix units", layer.outputs);
    Case::new("pointwise/forward_whole", name, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let norm = norm(input.with_channels(layer.outputs));
        let values = uniform(1, layer.rows * layer.inputs);
        let (x, mut seen) = Source::new(&mut trial, (layer.rows, layer.inputs), values, activation);
        let mut weights = uniform(2, layer.inputs * layer.outputs);
        let w = trial.input(Layout::weights(1, layer.inputs, layer.outputs), &weights);
        kernels.multiplied(&mut seen, 0);
        kernels.multiplied(&mut weights, 0);
        let output = cpu::pointwise::forward(&layer, &seen, &weights, None, Activation::Identity, None);
        let following = NormFollowing::new(&mut trial, norm, &output, counted(storage, true));
        let y =
            trial.activated("output", Activation::Identity, Layout::rows(layer.rows, layer.outputs), output);
        trial.record(move |plan, at| {
            let slabs = layer.forward_whole(plan, "check", x.operand(at), at(w), at(y));
            assert!(slabs.is_some(), "a kernel for the shape");
            following.prepare(plan, at, at(y), slabs);
        })
    })
    .stored(storage)
}

/// What the input of a product is to the unit before it.
#[derive(Clone, Copy, PartialEq)]
enum Input {
    /// Something was added to what was made of the unit, and a gradient arrives by a skip connection.
    AddedTo,
    /// It lies in memory, as a block's end does; behind such an activation.
    Plain(Activation),
    /// It is made of the unit's raw output as it is loaded.
    OfUnit,
}

/// Both gradients in one pass of a product behind a unit; the output's gradient goes back through a normalisation but where the input is
/// made as it is loaded.
fn both_gradients(layer: Pointwise, input: Shape, source: Input, kernels: Kernels, storage: Storage) -> Case {
    let Shape { batch, height, width, channels } = input;
    let (of_unit, adds) = (source == Input::OfUnit, source == Input::AddedTo);
    let (note, activation) = match source {
        Input::AddedTo => (" residual", Activation::HardSwish),
        Input::Plain(activation) => ("", activation),
        // Both that networks have.
        Input::OfUnit if channels % 8 == 0 => (" of the unit", Activation::Relu),
        Input::OfUnit => (" of the unit", Activation::HardSwish),
    };
    let name = format!("{batch}x{height}x{width} {channels}->{}{note} on matrix units", layer.outputs);
    Case::new("pointwise/gradients", name, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let mut weights = uniform(2, layer.inputs * layer.outputs);
        let filter = Layout::weights(1, layer.inputs, layer.outputs);
        let w = trial.input(filter, &weights);
        kernels.multiplied(&mut weights, 0);
        let gradient = uniform(3, layer.rows * layer.outputs);
        let size = (layer.rows, layer.outputs);
        let (g, mut gradient) = GradientSource::new(&mut trial, size, gradient, !of_unit);
        kernels.multiplied(&mut gradient, GRADIENT_SHIFT);
        let (skip, between) = between(&mut trial, &input, adds);
        let own = cpu::pointwise::data_gradient(&layer, &gradient, &weights, skip.as_deref());
        let (unit, of_behind) = UnitBehind::new(&mut trial, input, activation, &own);
        let mut seen = uniform(4, layer.rows * layer.inputs);
        let x = trial.values(Layout::rows(layer.rows, layer.inputs), &mut seen);
        if of_unit {
            seen = of_behind;
        }
        kernels.multiplied(&mut seen, 0);
        let expected = cpu::pointwise::weight_gradient(&layer, &seen, &gradient);
        let dw = trial.output("weight gradient", filter, expected);
        trial.record(move |plan, at| {
            let behind = unit.behind(at);
            let target = Target { tensor: at(between), adds };
            let input = match of_unit {
                true => Operand { tensor: behind.raw, norm: Some(behind.norm) },
                false => at(x).into(),
            };
            let gradient = with_sums(plan, |plan, sums| {
                let (g, w, dw) = (g.operand(at), at(w), at(dw));
                layer.gradients_at_once(plan, "check", input, g, w, &behind, target, dw, sums)
            });
            unit.finish(plan, at, gradient.expect("a kernel for the shape"));
        })
    })
    .stored(storage)
}
