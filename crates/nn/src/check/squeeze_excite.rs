//! Cases of squeeze-excite as a whole.

use super::activation::shape_name;
use super::fused;
use super::layout::Layout;
use super::noise::{between, uniform};
use super::operand::{self, Source};
use super::reduce::with_sums;
use super::trial::{Slot, Trial};
use super::unit::UnitBehind;
use super::{Case, HALF_STORAGE, TOLERANCE, TRAINING_STORAGE};
use crate::cpu::squeeze_excite::{self as twin, Parameters};
use crate::{Activation, Fused, Pointwise, Shape, SqueezeExcite, SqueezeExciteParameters};
use photonet_gpu::{Storage, Tensor};

const PADDLE: f32 = 0.2;
const TORCH: f32 = 1.0 / 6.0;

pub(super) fn cases() -> Vec<Case> {
    let shape = Shape::new;
    [
        (shape(1, 1, 1, 3), 2, TORCH),
        (shape(5, 1, 1, 72), 18, PADDLE),
        (shape(1, 7, 7, 960), 30, PADDLE),
        (shape(2, 7, 7, 18), 2, PADDLE),
        (shape(5, 15, 15, 72), 18, TORCH),
        (shape(2, 15, 15, 30), 8, TORCH),
        (shape(1, 112, 112, 8), 2, PADDLE),
        // More of both channels than a workgroup has invocations for.
        (shape(1, 1, 2, 1050), 1030, PADDLE),
        // More images than a GPU makes gates for one by one.
        (shape(17, 3, 3, 18), 6, TORCH),
    ]
    .into_iter()
    .flat_map(of_shape)
    .collect()
}

/// Around the number of images from which on gates are products: a tile less than full, full, and several.
pub(super) fn in_subgroups() -> Vec<Case> {
    let shape = Shape::new;
    [
        (shape(7, 3, 3, 18), 6, TORCH),
        (shape(8, 5, 4, 72), 18, PADDLE),
        (shape(9, 1, 1, 30), 30, TORCH),
        (shape(17, 2, 3, 140), 37, TORCH),
        (shape(33, 2, 2, 18), 2, PADDLE),
    ]
    .into_iter()
    .flat_map(of_shape)
    .map(|case| case.in_subgroups())
    .collect()
}

fn of_shape((shape, hidden, slope): (Shape, usize, f32)) -> Vec<Case> {
    let mut cases = Vec::new();
    let layer = SqueezeExcite { shape, hidden, slope };
    let name = format!("{} hidden {hidden} slope {slope:.3}", shape_name(&shape));
    // Every hidden value is one sum over all channels, added up one after the other, and every gate one over them.
    let long = |terms: usize| if terms > 500 { 4.0 * TOLERANCE } else { 0.0 };
    let tolerance = TOLERANCE.max(long(shape.channels) + long(hidden));
    cases.push(infer(layer, &name, Storage::default(), tolerance));
    cases.extend(HALF_STORAGE.map(|storage| infer(layer, &name, storage, tolerance)));
    for norm in [None, Some(Activation::HardSwish)] {
        let forward = |storage| forward(layer, &name, norm, storage).tolerance(tolerance);
        cases.extend(TRAINING_STORAGE.map(forward));
        // An invocation adds up hundreds of rows of both signs one after the other.
        let tolerance = if shape.rows() > 10_000 { 3.0 * TOLERANCE } else { tolerance };
        let backward = |storage: Storage| {
            let case = backward(layer, &name, norm, storage);
            case.tolerance(tolerance.max(fused::through_memory(storage)))
        };
        cases.extend(TRAINING_STORAGE.map(backward));
    }
    cases
}

/// Shifted from zero, so that the pooled values are not all alike.
fn input(layer: &SqueezeExcite) -> Vec<f64> {
    between(71, Layout::of(&layer.shape).len(), -1.0, 2.0)
}

fn parameters(layer: &SqueezeExcite) -> Parameters {
    let (channels, hidden) = (layer.shape.channels, layer.hidden);
    Parameters {
        reduce_weight: uniform(72, channels * hidden),
        reduce_bias: uniform(73, hidden),
        expand_weight: uniform(74, hidden * channels),
        expand_bias: uniform(75, channels),
    }
}

/// Layouts of the four parameters in the order of the struct.
fn layouts(layer: &SqueezeExcite) -> [Layout; 4] {
    let (channels, hidden) = (layer.shape.channels, layer.hidden);
    [
        Layout::weights(1, channels, hidden),
        Layout::channels(hidden),
        Layout::weights(1, hidden, channels),
        Layout::channels(channels),
    ]
}

fn upload(trial: &mut Trial, layer: &SqueezeExcite, parameters: &mut Parameters) -> [Slot; 4] {
    let [reduce_weight, reduce_bias, expand_weight, expand_bias] = layouts(layer);
    [
        trial.weights(reduce_weight, &mut parameters.reduce_weight),
        trial.input(reduce_bias, &parameters.reduce_bias),
        trial.weights(expand_weight, &mut parameters.expand_weight),
        trial.input(expand_bias, &parameters.expand_bias),
    ]
}

fn tensors(slots: [Slot; 4], at: &dyn Fn(Slot) -> Tensor) -> SqueezeExciteParameters {
    let [reduce_weight, reduce_bias, expand_weight, expand_bias] = slots.map(at);
    SqueezeExciteParameters { reduce_weight, reduce_bias, expand_weight, expand_bias }
}

fn source(trial: &mut Trial, layer: &SqueezeExcite, norm: Option<Activation>) -> (Source, Vec<f64>) {
    Source::new(trial, (layer.shape.rows(), layer.shape.channels), input(layer), norm)
}

fn forward(layer: SqueezeExcite, name: &str, norm: Option<Activation>, storage: Storage) -> Case {
    let name = format!("{name}{}", operand::note(norm));
    Case::new("squeeze_excite/training", name, move || {
        let mut trial = Trial::default().stored(storage);
        let ((x, seen), mut weights) = (source(&mut trial, &layer, norm), parameters(&layer));
        let p = upload(&mut trial, &layer, &mut weights);
        let expected = twin::state(&layer, &seen, &weights).gate;
        let wide = Shape::vector(layer.shape.batch, layer.shape.channels);
        let y = trial.poisoned(Layout::of(&wide));
        trial.expect_unpadded("gate", y, Layout::of(&wide), expected);
        trial.record(move |plan, at| {
            let state = layer.forward(plan, "check", x.operand(at), &tensors(p, at));
            Activation::Identity.forward(plan, "check", &wide, state.gate.factors, at(y));
        })
    })
    .stored(storage)
}

fn infer(layer: SqueezeExcite, name: &str, storage: Storage, tolerance: f64) -> Case {
    let case = Case::new("squeeze_excite/gate", name, move || {
        let mut trial = Trial::default().stored(storage);
        let (mut values, mut weights) = (input(&layer), parameters(&layer));
        let x = trial.values(Layout::of(&layer.shape), &mut values);
        let p = upload(&mut trial, &layer, &mut weights);
        let expected = twin::state(&layer, &values, &weights).gate;
        // The product behind it that applies it: here one that changes nothing else.
        let channels = layer.shape.channels;
        let product = Pointwise { rows: layer.shape.rows(), inputs: channels, outputs: channels };
        let scaled = twin::forward(&layer, &values, &weights);
        let mut one: Vec<f64> = (0..channels * channels)
            .map(|at| if at / channels == at % channels { 1.0 } else { 0.0 })
            .collect();
        let one = trial.weights(Layout::weights(1, channels, channels), &mut one);
        let factors = trial.poisoned(Layout::rows(layer.shape.batch, channels));
        trial.expect_unpadded("gate", factors, Layout::rows(layer.shape.batch, channels), expected);
        let y = trial.activated("gated", Activation::Identity, Layout::of(&layer.shape), scaled);
        trial.record(move |plan, at| {
            let made = layer.infer(plan, "check", at(x), &tensors(p, at), at(factors));
            let fused = Fused { gate: Some(made), ..Fused::default() };
            product.forward(plan, "check", at(x), at(one), &fused, at(y));
        })
    });
    case.tolerance(tolerance).stored(storage)
}

fn backward(layer: SqueezeExcite, name: &str, norm: Option<Activation>, storage: Storage) -> Case {
    let name = format!("{name}{}", operand::note(norm));
    Case::new("squeeze_excite/backward", name, move || {
        let mut trial = Trial::default().stored(storage);
        let wide = Layout::of(&layer.shape);
        let ((x, seen), mut weights) = (source(&mut trial, &layer, norm), parameters(&layer));
        let p = upload(&mut trial, &layer, &mut weights);
        let mut gradient = uniform(76, wide.len());
        let g = trial.gradients(wide, &mut gradient);
        let (expected, input_gradient) = twin::backward(&layer, &seen, &weights, &gradient);
        let [reduce_weight, reduce_bias, expand_weight, expand_bias] = layouts(&layer);
        let dp = [
            trial.output("reduce_weight gradient", reduce_weight, expected.reduce_weight),
            trial.output("reduce_bias gradient", reduce_bias, expected.reduce_bias),
            trial.output("expand_weight gradient", expand_weight, expected.expand_weight),
            trial.output("expand_bias gradient", expand_bias, expected.expand_bias),
        ];
        let (unit, _) = UnitBehind::new(&mut trial, layer.shape, Activation::HardSwish, &input_gradient);
        let dx = trial.poisoned_gradients(wide);
        trial.record(move |plan, at| {
            let (p, dp) = (tensors(p, at), tensors(dp, at));
            let x = x.operand(at);
            let state = layer.forward(plan, "check", x, &p);
            let behind = unit.behind(at);
            let gradient = with_sums(plan, |plan, sums| {
                layer.backward(plan, "check", x, &p, &state, at(g), &dp, &behind, at(dx), sums)
            });
            unit.finish(plan, at, gradient);
        })
    })
    .stored(storage)
}
