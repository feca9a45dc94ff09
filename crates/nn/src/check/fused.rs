//! Cases of products that leave a batch normalisation's sums, together with the normalisation that takes them.

use super::noise::{between, uniform};
use super::operand::{self, Source};
use super::trial::{Layout, Slot, Trial};
use super::{Case, TOLERANCE};
use crate::cpu::batch_norm::{self as twin, Gradients, Statistics};
use crate::{
    Activation, BatchNorm, BatchNormParameters, Behind, Norm, OutputGradient, Pointwise, RunningVariance,
    Shape, cpu,
};
use photonet_gpu::DeviceClass::{self, Discrete, Software};
use photonet_gpu::{PlanBuilder, Tensor};

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
        (shape(1, 112, 112, 8), 62, Activation::HardSwish, true),
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
            cases.push(forward(layer, input, activation, class, &name).tolerance(3.0 * TOLERANCE));
            cases.push(backward(layer, input, activation, residual, class, &name).tolerance(3.0 * TOLERANCE));
        }
    }
    cases
}

fn norm(shape: Shape) -> BatchNorm {
    // Of two rows one is normalised to 1 and the other to -1 but for epsilon; a large one leaves something to compare.
    BatchNorm { shape, epsilon: 0.1, keep: 0.9, running_variance: RunningVariance::Biased, frozen: false }
}

fn forward(layer: Pointwise, input: Shape, activation: Activation, class: DeviceClass, name: &str) -> Case {
    Case::new("pointwise/forward_statistics", name, move || {
        let mut trial = Trial::for_class(class);
        let norm = norm(input.with_channels(layer.outputs));
        let values = uniform(1, layer.rows * layer.inputs);
        let (x, seen) = Source::new(&mut trial, (layer.rows, layer.inputs), values, Some(activation));
        let weights = uniform(2, layer.inputs * layer.outputs);
        let output = cpu::pointwise::forward(&layer, &seen, &weights, None, Activation::Identity, None);
        let channels = layer.outputs;
        let (gamma, beta) = (between(3, channels, 0.5, 1.5), uniform(4, channels));
        let running = Statistics { mean: uniform(5, channels), variance: between(6, channels, 0.5, 1.5) };
        let moments = twin::training_moments(&norm, &output, &running, &gamma, &beta);
        let updated = twin::update_running(&norm, &running, &twin::statistics(&norm, &output));
        let w = trial.input(Layout::weights(1, layer.inputs, channels), &weights);
        let y = trial.output("output", Layout::rows(layer.rows, channels), output);
        let gamma = trial.input(Layout::channels(channels), &gamma);
        let beta = trial.input(Layout::channels(channels), &beta);
        let kept = trial.input(Layout::rows(2, channels), &[running.mean, running.variance].concat());
        trial.expect("running", kept, Layout::rows(2, channels), [updated.mean, updated.variance].concat());
        let m = trial.poisoned(Layout::rows(4, channels));
        trial.expect_unpadded("moments", m, Layout::rows(4, channels), operand::flat(&moments));
        trial.record(move |plan, at| {
            let slabs = layer.forward_for_norm(plan, "check", x.operand(at), None, at(w), at(y));
            let parameters = BatchNormParameters { gamma: at(gamma), beta: at(beta), running: at(kept) };
            norm.prepare(plan, "check", at(y), slabs, &parameters, at(m));
        })
    })
}

fn backward(
    layer: Pointwise,
    input: Shape,
    activation: Activation,
    residual: bool,
    class: DeviceClass,
    name: &str,
) -> Case {
    let name = format!("{name}{}", if residual { " residual" } else { "" });
    Case::new("pointwise/data_gradient_sums", name, move || {
        let mut trial = Trial::for_class(class);
        let weights = uniform(2, layer.inputs * layer.outputs);
        let gradient = uniform(3, layer.rows * layer.outputs);
        let residual = residual.then(|| uniform(4, layer.rows * layer.inputs));
        let own = cpu::pointwise::data_gradient(&layer, &gradient, &weights, residual.as_deref());
        let unit = UnitBehind::new(&mut trial, input, activation, &own);
        let w = trial.input(Layout::weights(1, layer.inputs, layer.outputs), &weights);
        let g = trial.input(Layout::rows(layer.rows, layer.outputs), &gradient);
        let residual = residual.map(|r| trial.input(Layout::of(&input), &r));
        let between = trial.poisoned(Layout::of(&input));
        trial.record(move |plan, at| {
            let behind = unit.behind(at);
            let skip = residual.map(at);
            let gradient =
                layer.data_gradient_behind(plan, "check", at(g), at(w), skip, &behind, at(between));
            unit.finish(plan, at, gradient);
        })
    })
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
        let raw = between(85, wide.len(), -1.0, 2.0);
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
            raw: trial.input(wide, &raw),
            moments: trial.input(Layout::rows(4, shape.channels), &operand::flat(&moments)),
            gradients: [
                trial.output("gamma gradient", channels, gamma),
                trial.output("beta gradient", channels, beta),
                trial.output("input gradient", wide, input),
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
        self.norm.backward(plan, "check", &self.behind(at), gradient, gamma, beta, input);
    }
}
