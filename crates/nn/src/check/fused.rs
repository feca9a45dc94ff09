//! Cases of convolutions that leave a batch normalisation's sums, together with the normalisation that takes them.

use super::activation::shape_name;
use super::noise::{self, uniform};
use super::operand::{self, GradientSource, Source};
use super::trial::{Layout, Slot, Trial, round};
use super::{Case, TOLERANCE, TRAINING_STORAGE};
use crate::cpu::batch_norm::{self as twin, Gradients, Statistics};
use crate::{
    Activation, BatchNorm, BatchNormParameters, Behind, Dense, Depthwise, Geometry, Norm, OutputGradient,
    Padding, Pointwise, RunningVariance, Shape, Slabs, Target, cpu,
};
use Padding::{Same, Symmetric};
use photonet_gpu::DeviceClass::{self, Discrete, Software};
use photonet_gpu::{Format, PlanBuilder, Storage, Tensor};

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
        // More slabs than one workgroup merges.
        (shape(6, 112, 112, 3), 3, Activation::Relu, false),
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
    cases.extend(depthwise_cases());
    cases.extend(dense_cases());
    cases
}

fn dense_cases() -> Vec<Case> {
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
            cases.push(dense_forward(layer, &name, storage).tolerance(tolerance(counted)));
            cases.push(dense_weight_gradient(layer, &name, storage));
        }
    }
    cases
}

fn dense_forward(layer: Dense, name: &str, storage: Storage) -> Case {
    Case::new("dense/forward_statistics", name, move || {
        let mut trial = Trial::for_class(Discrete).stored(storage);
        let Geometry { input, outputs, kernel, .. } = layer.geometry;
        let mut seen = uniform(1, Layout::of(&input).len());
        let x = trial.values(Layout::of(&input), &mut seen);
        let filter = Layout::weights(kernel * kernel, input.channels, outputs);
        let weights = uniform(2, filter.len());
        let output = cpu::dense::forward(&layer, &seen, &weights, None, Activation::Identity);
        let w = trial.input(filter, &weights);
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
fn dense_weight_gradient(layer: Dense, name: &str, storage: Storage) -> Case {
    Case::new("dense/weight_gradient", format!("{name} through"), move || {
        let mut trial = Trial::for_class(Discrete).stored(storage);
        let Geometry { input, outputs, kernel, .. } = layer.geometry;
        let output = layer.output();
        let mut seen = uniform(1, Layout::of(&input).len());
        let gradient = uniform(3, Layout::of(&output).len());
        let x = trial.values(Layout::of(&input), &mut seen);
        let (g, gradient) = GradientSource::new(&mut trial, (output.rows(), outputs), gradient, true);
        let expected = cpu::dense::weight_gradient(&layer, &seen, &gradient);
        let dw = trial.output(
            "weight_gradient",
            Layout::weights(kernel * kernel, input.channels, outputs),
            expected,
        );
        trial.record(move |plan, at| {
            layer.weight_gradient(plan, "check", at(x), g.operand(at), at(dw));
        })
    })
    .stored(storage)
}

fn depthwise_cases() -> Vec<Case> {
    let shape = Shape::new;
    let mut cases = Vec::new();
    // input, kernel, stride, padding, residual. One activation, and both kinds of residual for the first kernel alone, of which
    // networks have both: these texts take compilers long, and the products above have the others.
    let activation = Activation::HardSwish;
    for (input, kernel, stride, padding, residual) in [
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
    ] {
        let Some(layer) = Depthwise::new(input, kernel, stride, padding) else { continue };
        let [n, h, w, c] = [input.batch, input.height, input.width, input.channels];
        let name = format!("{n}x{h}x{w}x{c} k{kernel} s{stride} {padding:?} behind {activation:?}");
        for storage in TRAINING_STORAGE {
            let forward = depthwise_forward(layer, activation, &name, storage);
            let backward = depthwise_backward(layer, activation, residual, &name, storage);
            let counted = counted(storage, leaves_statistics(&layer));
            cases.push(forward.tolerance(tolerance(counted)));
            cases.push(backward.tolerance(through_memory(storage)));
        }
    }
    cases
}

fn depthwise_forward(layer: Depthwise, activation: Activation, name: &str, storage: Storage) -> Case {
    Case::new("depthwise/forward_statistics", name, move || {
        let mut trial = Trial::for_class(Discrete).stored(storage);
        let Geometry { input, kernel, .. } = *layer.geometry();
        let values = uniform(1, input.rows() * input.channels);
        let (x, seen) = Source::new(&mut trial, (input.rows(), input.channels), values, Some(activation));
        let weights = uniform(2, kernel * kernel * input.channels);
        let output = cpu::depthwise::forward(&layer, &seen, &weights, None, Activation::Identity);
        let w = trial.input(Layout::rows(kernel * kernel, input.channels), &weights);
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
    residual: bool,
    name: &str,
    storage: Storage,
) -> Case {
    let name = format!("{name}{}", if residual { " residual" } else { "" });
    Case::new("depthwise/data_gradient_sums", name, move || {
        let mut trial = Trial::for_class(Discrete).stored(storage);
        let Geometry { input, kernel, .. } = *layer.geometry();
        let weights = uniform(2, kernel * kernel * input.channels);
        let output = layer.output();
        let (through, size) = (layer.takes_gradients_on_load(Discrete), (output.rows(), output.channels));
        let gradient = uniform(3, Layout::of(&output).len());
        let (g, gradient) = GradientSource::new(&mut trial, size, gradient, through);
        let (skip, between) = between(&mut trial, &input, residual);
        let mut own = cpu::depthwise::data_gradient(&layer, &gradient, &weights);
        for (own, skip) in own.iter_mut().zip(skip.iter().flatten()) {
            *own += skip;
        }
        let unit = UnitBehind::new(&mut trial, input, activation, &own);
        let w = trial.input(Layout::rows(kernel * kernel, input.channels), &weights);
        trial.record(move |plan, at| {
            let (behind, target) = (unit.behind(at), Target { tensor: at(between), adds: residual });
            let gradient = layer.data_gradient_behind(plan, "check", g.operand(at), at(w), &behind, target);
            unit.finish(plan, at, gradient);
        })
    })
    .stored(storage)
}

fn norm(shape: Shape) -> BatchNorm {
    // Of two rows one is normalised to 1 and the other to -1 but for epsilon; a large one leaves something to compare.
    BatchNorm { shape, epsilon: 0.1, keep: 0.9, running_variance: RunningVariance::Biased, frozen: false }
}

fn forward(
    layer: Pointwise,
    input: Shape,
    activation: Activation,
    class: DeviceClass,
    name: &str,
    storage: Storage,
) -> Case {
    Case::new("pointwise/forward_statistics", name, move || {
        let mut trial = Trial::for_class(class).stored(storage);
        let norm = norm(input.with_channels(layer.outputs));
        let values = uniform(1, layer.rows * layer.inputs);
        let (x, seen) = Source::new(&mut trial, (layer.rows, layer.inputs), values, Some(activation));
        let weights = uniform(2, layer.inputs * layer.outputs);
        let output = cpu::pointwise::forward(&layer, &seen, &weights, None, Activation::Identity, None);
        let w = trial.input(Layout::weights(1, layer.inputs, layer.outputs), &weights);
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
    class: DeviceClass,
    name: &str,
    storage: Storage,
) -> Case {
    let name = format!("{name}{}", if residual { " residual" } else { "" });
    Case::new("pointwise/data_gradient_sums", name, move || {
        let mut trial = Trial::for_class(class).stored(storage);
        let weights = uniform(2, layer.inputs * layer.outputs);
        let (through, size) = (Pointwise::takes_gradients_on_load(class), (layer.rows, layer.outputs));
        let gradient = uniform(3, layer.rows * layer.outputs);
        let (g, gradient) = GradientSource::new(&mut trial, size, gradient, through);
        let (skip, between) = between(&mut trial, &input, residual);
        let own = cpu::pointwise::data_gradient(&layer, &gradient, &weights, skip.as_deref());
        let unit = UnitBehind::new(&mut trial, input, activation, &own);
        let w = trial.input(Layout::weights(1, layer.inputs, layer.outputs), &weights);
        trial.record(move |plan, at| {
            let (behind, target) = (unit.behind(at), Target { tensor: at(between), adds: residual });
            let gradient = layer.data_gradient_behind(plan, "check", g.operand(at), at(w), &behind, target);
            unit.finish(plan, at, gradient);
        })
    })
    .stored(storage)
}

/// What arrives by a skip connection, if anything does, and the buffer where the gradient goes.
fn between(trial: &mut Trial, shape: &Shape, residual: bool) -> (Option<Vec<f64>>, Slot) {
    let layout = Layout::of(shape);
    let mut skip = residual.then(|| uniform(4, layout.len()));
    let slot = match &mut skip {
        Some(skip) => trial.gradients(layout, skip),
        None => trial.poisoned_gradients(layout),
    };
    (skip, slot)
}

/// Whether the outputs are large enough for it, on a GPU.
fn leaves_statistics(layer: &Depthwise) -> bool {
    layer.output().pixels() > 4
}

/// What the statistics are taken of: where the convolution leaves them, of its sums before they are stored.
fn counted(storage: Storage, leaves_them: bool) -> Format {
    if leaves_them { Format::Single } else { storage.values }
}

/// How far statistics may be off. Of values stored in half precision, sums that differ in their last bit may be rounded to
/// neighbours.
fn tolerance(counted: Format) -> f64 {
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

/// The statistics of a batch normalisation that follows.
#[derive(Clone, Copy)]
struct NormFollowing {
    norm: BatchNorm,
    gamma: Slot,
    beta: Slot,
    running: Slot,
    moments: Slot,
}

impl NormFollowing {
    /// `output` is what is normalised, of which the statistics are taken in `format`.
    fn new(trial: &mut Trial, norm: BatchNorm, output: &[f64], format: Format) -> Self {
        let mut output = output.to_vec();
        round(&mut output, format);
        let channels = norm.shape.channels;
        let (gamma, beta) = (noise::between(3, channels, 0.5, 1.5), uniform(4, channels));
        let running =
            Statistics { mean: uniform(5, channels), variance: noise::between(6, channels, 0.5, 1.5) };
        let moments = twin::training_moments(&norm, &output, &running, &gamma, &beta);
        let updated = twin::update_running(&norm, &running, &twin::statistics(&norm, &output));
        let (one, two, four) =
            (Layout::channels(channels), Layout::rows(2, channels), Layout::rows(4, channels));
        let following = Self {
            norm,
            gamma: trial.input(one, &gamma),
            beta: trial.input(one, &beta),
            running: trial.input(two, &[running.mean, running.variance].concat()),
            moments: trial.poisoned(four),
        };
        trial.expect("running", following.running, two, [updated.mean, updated.variance].concat());
        trial.expect_unpadded("moments", following.moments, four, operand::flat(&moments));
        following
    }

    /// Appends them; `slabs` are what the convolution left.
    fn prepare(
        &self,
        plan: &mut PlanBuilder,
        at: &dyn Fn(Slot) -> Tensor,
        output: Tensor,
        slabs: Option<Slabs>,
    ) {
        let [gamma, beta, running] = [self.gamma, self.beta, self.running].map(at);
        let parameters = BatchNormParameters { gamma, beta, running };
        self.norm.prepare(plan, "check", output, slabs, &parameters, at(self.moments));
    }
}

/// A unit whose backward pass follows: its raw output and what its normalisation must make of a gradient.
#[derive(Clone, Copy)]
pub(super) struct UnitBehind {
    norm: BatchNorm,
    activation: Activation,
    raw: Slot,
    moments: Slot,
    gradients: [Slot; 3],
}

impl UnitBehind {
    /// `gradient` is that of the unit's output.
    pub fn new(trial: &mut Trial, shape: Shape, activation: Activation, gradient: &[f64]) -> Self {
        let wide = Layout::of(&shape);
        let mut raw = noise::between(85, wide.len(), -1.0, 2.0);
        let uploaded = trial.values(wide, &mut raw);
        let norm = norm(shape);
        // Of a single row nothing is normalised: training's own moments say so.
        let moments = match shape.rows() {
            1 => {
                let none = Statistics { mean: vec![0.0; wide.len()], variance: vec![1.0; wide.len()] };
                twin::training_moments(&norm, &raw, &none, &none.variance, &none.mean)
            }
            _ => operand::moments(shape.channels),
        };
        let Gradients { gamma, beta, input } = twin::backward(&norm, &raw, &moments, activation, gradient);
        let channels = Layout::channels(shape.channels);
        Self {
            norm,
            activation,
            raw: uploaded,
            moments: trial.input(Layout::rows(4, shape.channels), &operand::flat(&moments)),
            gradients: [
                trial.output("gamma gradient", channels, gamma),
                trial.output("beta gradient", channels, beta),
                trial.gradient("input gradient", wide, input),
            ],
        }
    }

    /// As the layer behind takes it.
    pub fn behind(&self, at: &dyn Fn(Slot) -> Tensor) -> Behind {
        let norm = Norm { moments: at(self.moments), activation: self.activation };
        Behind { raw: at(self.raw), norm }
    }

    /// Appends the unit's own backward pass.
    pub fn finish(&self, plan: &mut PlanBuilder, at: &dyn Fn(Slot) -> Tensor, gradient: OutputGradient) {
        let [gamma, beta, input] = self.gradients.map(at);
        let back = self.norm.backward(plan, "check", &self.behind(at), gradient, gamma, beta);
        self.norm.data_gradient(plan, "check", &back, input);
    }
}
