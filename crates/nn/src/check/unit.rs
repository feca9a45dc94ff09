//! The units around a convolution that leaves or takes their sums: the normalisation that follows it, and the unit whose output
//! it takes.

use super::layout::{Layout, round};
use super::noise::{self, uniform};
use super::operand;
use super::trial::{Slot, Trial};
use crate::cpu::batch_norm::{self as twin, Gradients, Statistics};
use crate::{
    Activation, BatchNorm, BatchNormParameters, Behind, Norm, OutputGradient, RunningVariance, Shape, Slabs,
};
use photonet_gpu::{Format, PlanBuilder, Tensor};

/// A normalisation of `shape`.
pub(super) fn norm(shape: Shape) -> BatchNorm {
    // Of two rows one is normalised to 1 and the other to -1 but for epsilon; a large one leaves something to compare.
    BatchNorm { shape, epsilon: 0.1, keep: 0.9, running_variance: RunningVariance::Biased, frozen: false }
}

/// What arrives by a skip connection, if anything does, and the buffer where the gradient goes.
pub(super) fn between(trial: &mut Trial, shape: &Shape, residual: bool) -> (Option<Vec<f64>>, Slot) {
    let layout = Layout::of(shape);
    let mut skip = residual.then(|| uniform(4, layout.len()));
    let slot = match &mut skip {
        Some(skip) => trial.gradients(layout, skip),
        None => trial.poisoned_gradients(layout),
    };
    (skip, slot)
}

/// The statistics of a batch normalisation that follows.
#[derive(Clone, Copy)]
pub(super) struct NormFollowing {
    norm: BatchNorm,
    gamma: Slot,
    beta: Slot,
    running: Slot,
    moments: Slot,
}

impl NormFollowing {
    /// `output` is what is normalised, of which the statistics are taken in `format`.
    pub fn new(trial: &mut Trial, norm: BatchNorm, output: &[f64], format: Format) -> Self {
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
    pub fn prepare(
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
    /// `gradient` is that of the unit's output. Returns that output as well.
    pub fn new(
        trial: &mut Trial,
        shape: Shape,
        activation: Activation,
        gradient: &[f64],
    ) -> (Self, Vec<f64>) {
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
        let unit = Self {
            norm,
            activation,
            raw: uploaded,
            moments: trial.input(Layout::rows(4, shape.channels), &operand::flat(&moments)),
            gradients: [
                trial.output("gamma gradient", channels, gamma),
                trial.output("beta gradient", channels, beta),
                trial.gradient("input gradient", wide, input),
            ],
        };
        (unit, twin::apply(&raw, &moments, activation, None))
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
