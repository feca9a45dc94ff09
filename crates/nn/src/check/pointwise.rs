//! Cases of the 1x1 convolution.

use super::layout::{Layout, round};
use super::noise::uniform;
use super::operand::{self, GradientSource, Source};
use super::reduce::with_sums;
use super::trial::{GRADIENT_SHIFT, Kernels, Slot, Trial};
use super::{Case, HALF_STORAGE, ON_UNITS, TOLERANCE, TRAINING_STORAGE};
use crate::pointwise::tiles;
use crate::{Activation, Fused, Gate, Pointwise, ProductGradients, Target, cpu};
use photonet_gpu::DeviceClass::{self, Discrete, Integrated, Software};
use photonet_gpu::{MatrixUnits, Storage};
use std::ops::Range;

/// Operands of a forward pass beside input and weights.
#[derive(Clone, Copy)]
struct Operands {
    bias: bool,
    activation: Activation,
    residual: bool,
    /// Images that have a gate each; 0 without one.
    gates: usize,
    /// The activation of an input that is normalised while it is loaded.
    norm: Option<Activation>,
    /// The largest of the outputs' gradients.
    gradient: f64,
}

const PLAIN: Operands = Operands {
    bias: false,
    activation: Activation::Identity,
    residual: false,
    gates: 0,
    norm: None,
    gradient: 1.0,
};
const PADDLE_GATE: Activation = Activation::HardSigmoid { slope: 0.2 };

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let all = Operands { bias: true, activation: Activation::HardSwish, residual: true, ..PLAIN };
    let biased = |activation| Operands { bias: true, activation, ..PLAIN };
    let gated = |gates| Operands { bias: true, residual: true, gates, ..PLAIN };
    let raw = |activation, gates| Operands { norm: Some(activation), gates, ..PLAIN };
    // batch, side of the image, inputs, outputs
    for (batch, size, inputs, outputs, fused) in [
        (1, 1, 3, 8, PLAIN),
        (5, 1, 960, 6, biased(Activation::Identity)),
        (2, 1, 72, 18, biased(Activation::Relu)),
        (5, 1, 18, 72, biased(PADDLE_GATE)),
        (2, 7, 960, 72, PLAIN),
        (5, 7, 72, 960, PLAIN),
        (2, 15, 30, 18, PLAIN),
        (5, 15, 18, 30, all),
        (1, 112, 8, 3, PLAIN),
        (2, 112, 3, 8, all),
        // Rows enough for larger tiles.
        (1, 112, 18, 62, biased(Activation::HardSwish)),
        (1, 112, 62, 18, PLAIN),
        // Behind squeeze-excite.
        (1, 7, 72, 18, gated(1)),
        (5, 15, 18, 30, gated(5)),
        (2, 112, 8, 62, gated(2)),
        // Behind a unit of the training plan.
        (1, 7, 72, 18, raw(Activation::Relu, 0)),
        (5, 15, 18, 30, raw(Activation::HardSwish, 5)),
        (2, 112, 62, 18, raw(Activation::HardSwish, 0)),
        // Several images in a step of the weight gradient.
        (33, 3, 18, 30, raw(Activation::HardSwish, 33)),
    ] {
        let layer = Pointwise { rows: batch * size * size, inputs, outputs };
        let shape = format!("{batch}x{size}x{size} {inputs}->{outputs}");
        for class in [Discrete, Software] {
            let shape = format!("{shape} for {class:?}");
            cases.push(forward(layer, class, &shape, fused, Storage::default()));
            if fused.bias {
                cases.extend(HALF_STORAGE.map(|storage| forward(layer, class, &shape, fused, storage)));
            }
            let gradient = |storage| data_gradient(layer, class, &shape, fused, storage);
            cases.extend(TRAINING_STORAGE.map(gradient));
            cases.extend(
                TRAINING_STORAGE.map(|storage| weight_gradient(layer, class, &shape, fused, storage)),
            );
            if fused.bias {
                cases.push(bias_gradient(layer, class, &shape));
            }
        }
    }
    cases.extend(variants(all));
    cases
}

/// Every tile of products over the rows for a large GPU, which the rule takes for more rows than a test can have: with edges on both
/// sides, and more than one step of the inner dimension. Their texts take a software device's compiler long: the shapes above have the other formats.
fn variants(fused: Operands) -> Vec<Case> {
    let mut cases = Vec::new();
    for (inputs, outputs) in [(44, 18), (18, 44)] {
        let layer = Pointwise { rows: 300, inputs, outputs };
        let shape = |number| format!("300x{inputs}->{outputs} tile {number}");
        let [of_forward, of_gradient, ..] = tiles::variants(None);
        for number in of_forward {
            let kernels = Kernels::variant(number);
            cases.push(forward(layer, kernels, &shape(number), fused, Storage::default()));
        }
        for number in of_gradient {
            let kernels = Kernels::variant(number);
            cases.push(data_gradient(layer, kernels, &shape(number), fused, Storage::default()));
        }
    }
    // Few tiles, for few registers.
    for (rows, inputs, outputs) in [(49, 76, 18), (3, 18, 44)] {
        let layer = Pointwise { rows, inputs, outputs };
        let shape = format!("{rows}x{inputs}->{outputs} for {Integrated:?}");
        cases.push(forward(layer, Integrated, &shape, fused, Storage::default()));
        cases.push(data_gradient(layer, Integrated, &shape, fused, Storage::default()));
    }
    // Several of the small tiles in both directions, and of each less than one.
    for (inputs, outputs) in [(24, 12), (20, 60), (72, 140)] {
        let layer = Pointwise { rows: 300, inputs, outputs };
        let [.., of_weights] = tiles::variants(None);
        for number in of_weights {
            let shape = format!("300x{inputs}->{outputs} tile {number}");
            cases.push(weight_gradient(layer, Kernels::variant(number), &shape, fused, Storage::default()));
        }
    }
    cases
}

/// Every tile of subgroups, with edges on both sides, of several steps and for a single row; in all formats, since their texts compile quickly.
pub(super) fn in_subgroups() -> Vec<Case> {
    let raw = |gates| Operands { norm: Some(Activation::HardSwish), gates, ..PLAIN };
    let biased =
        Operands { bias: true, activation: Activation::HardSwish, residual: true, gates: 3, ..PLAIN };
    let [inference, training] = tiles::variants_in_subgroups();
    let mut cases = Vec::new();
    for (rows, inputs, outputs, fused) in [
        (300, 44, 18, biased),
        (300, 18, 68, raw(3)),
        (300, 140, 212, raw(0)),
        (1, 62, 36, Operands { gates: 1, ..biased }),
        (67, 12, 8, PLAIN),
    ] {
        let layer = Pointwise { rows, inputs, outputs };
        let shape = |number| format!("{rows}x{inputs}->{outputs} tile {number} in subgroups");
        let kernels = |number| Kernels { variant: Some(number), subgroups: true, ..Software.into() };
        for number in inference.clone() {
            let of = |storage| forward(layer, kernels(number), &shape(number), fused, storage);
            cases.push(of(Storage::default()));
            if fused.bias {
                cases.extend(HALF_STORAGE.map(of));
            }
            let of = |storage| data_gradient(layer, kernels(number), &shape(number), fused, storage);
            cases.extend(TRAINING_STORAGE.map(of));
        }
        for number in training.clone() {
            let of = |storage| weight_gradient(layer, kernels(number), &shape(number), fused, storage);
            cases.extend(TRAINING_STORAGE.map(of));
        }
    }
    cases
}

/// Every tile on matrix units, with edges on all sides and for few rows, and the rule's for a shape of many steps and one of a single one.
pub(super) fn on_units(units: MatrixUnits) -> Vec<Case> {
    let mut cases = Vec::new();
    let raw = |gates| Operands { norm: Some(Activation::HardSwish), gates, ..PLAIN };
    let biased =
        Operands { bias: true, activation: Activation::HardSwish, residual: true, gates: 3, ..PLAIN };
    let [half, _] = HALF_STORAGE;
    let [_, training] = TRAINING_STORAGE;
    let rule = |_: &Range<usize>| vec![None];
    let every = |numbers: &Range<usize>| numbers.clone().map(Some).collect();
    // The smallest and the largest; the rule takes registers for so few rows and outputs.
    let two = |numbers: &Range<usize>| vec![Some(numbers.start), Some(numbers.end - 1)];
    type Numbers<'a> = &'a dyn Fn(&Range<usize>) -> Vec<Option<usize>>;
    // Gradients that half precision holds times a power of two alone, and some that it cuts off then.
    let graded = |gradient| Operands { gradient, ..PLAIN };
    let shapes: [(usize, usize, usize, Operands, Numbers<'_>); 9] = [
        (3000, 132, 200, graded(1e-8), &rule),
        (3000, 132, 200, graded(16.0), &rule),
        (300, 44, 18, biased, &every),
        (300, 18, 68, raw(3), &every),
        (300, 140, 212, raw(0), &every),
        (297, 140, 20, raw(33), &two),
        (3000, 132, 200, raw(0), &rule),
        (12_544, 16, 64, raw(0), &rule),
        (21, 960, 12, biased, &every),
    ];
    for (rows, inputs, outputs, fused, numbers) in shapes {
        let layer = Pointwise { rows, inputs, outputs };
        let [of_forward, of_gradient, .., of_weights] = tiles::variants(Some(units));
        let size = if fused.gradient == 1.0 { String::new() } else { format!(" of {:e}", fused.gradient) };
        let each = |numbers: Vec<Option<usize>>, case: &dyn Fn(Kernels, &str) -> Case| -> Vec<Case> {
            let of_number = |variant: Option<usize>| {
                let tile = variant.map_or(String::new(), |number| format!(" tile {number}"));
                let kernels = Kernels { variant, ..Discrete.into() };
                case(
                    kernels.on_units(units),
                    &format!("{rows}x{inputs}->{outputs}{tile}{size} on matrix units"),
                )
            };
            numbers.into_iter().map(of_number).map(|case| case.tolerance(ON_UNITS)).collect()
        };
        let storage = if fused.norm.is_some() { training } else { half };
        cases.extend(each(numbers(&of_forward), &|kernels, shape| {
            forward(layer, kernels, shape, fused, storage)
        }));
        let gradient = |kernels, shape: &str| data_gradient(layer, kernels, shape, fused, training);
        cases.extend(each(numbers(&of_gradient), &|kernels, shape| gradient(kernels, shape)));
        let gradient = |kernels, shape: &str| weight_gradient(layer, kernels, shape, fused, training);
        cases.extend(each(numbers(&of_weights), &|kernels, shape| gradient(kernels, shape)));
    }
    cases
}

/// Uploads the input; returns what the product sees of it as well, and the gate.
fn input(trial: &mut Trial, layer: &Pointwise, fused: &Operands) -> (Source, Vec<f64>, Option<Slot>) {
    let values = uniform(1, layer.rows * layer.inputs);
    let (source, mut seen) = Source::new(trial, (layer.rows, layer.inputs), values, fused.norm);
    if fused.gates == 0 {
        return (source, seen, None);
    }
    let factors = uniform(6, fused.gates * layer.inputs);
    for (at, value) in seen.iter_mut().enumerate() {
        let (row, channel) = (at / layer.inputs, at % layer.inputs);
        *value *= factors[row / rows_per_image(layer, fused) * layer.inputs + channel];
    }
    let gate = trial.input(Layout::rows(fused.gates, layer.inputs), &factors);
    (source, seen, Some(gate))
}

fn rows_per_image(layer: &Pointwise, fused: &Operands) -> usize {
    layer.rows / fused.gates.max(1)
}

fn weights(layer: &Pointwise) -> Vec<f64> {
    uniform(2, layer.inputs * layer.outputs)
}

fn output_gradient(layer: &Pointwise, largest: f64) -> Vec<f64> {
    uniform(3, layer.rows * layer.outputs).into_iter().map(|value| value * largest).collect()
}

fn weight_layout(layer: &Pointwise) -> Layout {
    Layout::weights(1, layer.inputs, layer.outputs)
}

fn forward(
    layer: Pointwise,
    kernels: impl Into<Kernels>,
    shape: &str,
    fused: Operands,
    storage: Storage,
) -> Case {
    let kernels = kernels.into();
    let note = |on, text| if on { text } else { "" };
    let shape = format!(
        "{shape}{}{} {:?}{}{}",
        operand::note(fused.norm),
        note(fused.bias, " bias"),
        fused.activation,
        note(fused.residual, " residual"),
        note(fused.gates > 0, " gate")
    );
    Case::new("pointwise/forward", shape, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let (x, mut seen, gate) = input(&mut trial, &layer, &fused);
        let mut matrix = weights(&layer);
        let w = trial.weights(weight_layout(&layer), &mut matrix);
        kernels.multiplied(&mut seen, 0);
        kernels.multiplied(&mut matrix, 0);
        let wide = Layout::rows(layer.rows, layer.outputs);
        let mut skip = fused.residual.then(|| uniform(5, layer.rows * layer.outputs));
        let residual = skip.as_mut().map(|skip| trial.values(wide, skip));
        let bias = fused.bias.then(|| uniform(4, layer.outputs));
        let (b, r) = (bias.as_deref(), skip.as_deref());
        let expected = cpu::pointwise::forward(&layer, &seen, &matrix, b, fused.activation, r);
        let bias = bias.map(|bias| trial.input(Layout::channels(layer.outputs), &bias));
        let y = trial.activated("output", fused.activation, wide, expected);
        trial.record(move |plan, at| {
            let rows_per_image = rows_per_image(&layer, &fused);
            let gate = gate.map(|gate| Gate { factors: at(gate), rows_per_image });
            let (bias, residual) = (bias.map(at), residual.map(at));
            let fused = Fused { gate, bias, activation: fused.activation, residual };
            layer.forward(plan, "check", x.operand(at), at(w), &fused, at(y));
        })
    })
    .stored(storage)
}

/// Whether the gradient goes back through a normalisation as it is loaded.
fn through_norm(class: DeviceClass, fused: &Operands) -> bool {
    fused.norm.is_some() && Pointwise::takes_gradients_on_load(class)
}

fn data_gradient(
    layer: Pointwise,
    kernels: impl Into<Kernels>,
    shape: &str,
    fused: Operands,
    storage: Storage,
) -> Case {
    let kernels = kernels.into();
    let through = through_norm(kernels.class, &fused);
    let note = if fused.residual { " residual" } else { "" };
    let shape = format!("{shape}{note}{}", GradientSource::note(through));
    Case::new("pointwise/data_gradient", shape, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let mut matrix = weights(&layer);
        let w = trial.input(weight_layout(&layer), &matrix);
        kernels.multiplied(&mut matrix, 0);
        let size = (layer.rows, layer.outputs);
        let (g, mut gradient) =
            GradientSource::new(&mut trial, size, output_gradient(&layer, fused.gradient), through);
        let narrow = Layout::rows(layer.rows, layer.inputs);
        let mut skip = fused.residual.then(|| uniform(5, layer.rows * layer.inputs));
        if let Some(skip) = &mut skip {
            round(skip, storage.gradients);
        }
        kernels.multiplied(&mut gradient, GRADIENT_SHIFT);
        let expected = cpu::pointwise::data_gradient(&layer, &gradient, &matrix, skip.as_deref());
        let dx = trial.gradient_after("input_gradient", narrow, skip.as_mut(), expected);
        trial.record(move |plan, at| {
            let target = Target { tensor: at(dx), adds: fused.residual };
            layer.data_gradient(plan, "check", g.operand(at), at(w), target);
        })
    })
    .stored(storage)
}

fn weight_gradient(
    layer: Pointwise,
    kernels: impl Into<Kernels>,
    shape: &str,
    fused: Operands,
    storage: Storage,
) -> Case {
    let kernels = kernels.into();
    let class = kernels.class;
    let through = through_norm(class, &fused);
    let note = if fused.gates > 0 { " gate" } else { "" };
    let shape = format!("{shape}{}{note}{}", operand::note(fused.norm), GradientSource::note(through));
    Case::new("pointwise/weight_gradient", shape, move || {
        let mut trial = Trial::of_kernels(kernels).stored(storage);
        let (x, mut seen, gate) = input(&mut trial, &layer, &fused);
        let size = (layer.rows, layer.outputs);
        let (g, mut gradient) =
            GradientSource::new(&mut trial, size, output_gradient(&layer, fused.gradient), through);
        kernels.multiplied(&mut seen, 0);
        kernels.multiplied(&mut gradient, GRADIENT_SHIFT);
        let expected = cpu::pointwise::weight_gradient(&layer, &seen, &gradient);
        let dw = trial.output("weight_gradient", weight_layout(&layer), expected);
        // On software devices a launch of its own makes it, which has a case of its own.
        let db = (fused.bias && class == Discrete).then(|| {
            let expected = cpu::pointwise::bias_gradient(&layer, &gradient);
            trial.output("bias gradient", Layout::channels(layer.outputs), expected)
        });
        trial.record(move |plan, at| {
            let rows_per_image = rows_per_image(&layer, &fused);
            let gate = gate.map(|gate| Gate { factors: at(gate), rows_per_image });
            with_sums(plan, |plan, sums| {
                let gradients = ProductGradients { weight: at(dw), bias: db.map(at) };
                layer.weight_gradient(plan, "check", x.operand(at), gate, g.operand(at), gradients, sums);
            });
        })
    })
    .stored(storage)
}

fn bias_gradient(layer: Pointwise, class: DeviceClass, shape: &str) -> Case {
    // An invocation adds up to some thousand rows of both signs one after the other.
    let tolerance = if layer.rows > 10_000 { 3.0 * TOLERANCE } else { TOLERANCE };
    Case::new("reduce/columns", format!("{shape} bias gradient"), move || {
        let mut trial = Trial::for_class(class);
        let g = output_gradient(&layer, 1.0);
        let expected = cpu::pointwise::bias_gradient(&layer, &g);
        let g = trial.input(Layout::rows(layer.rows, layer.outputs), &g);
        let db = trial.output("bias_gradient", Layout::channels(layer.outputs), expected);
        trial.record(move |plan, at| layer.bias_gradient(plan, "check", at(g), at(db)))
    })
    .tolerance(tolerance)
}
