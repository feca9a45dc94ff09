//! Cases of batch normalisation.

use super::layout::{Layout, round};
use super::noise::{between, uniform};
use super::operand;
use super::trial::{Slot, Trial};
use super::{Case, TOLERANCE, TRAINING_STORAGE};
use crate::cpu::batch_norm::{self as twin, Moments, Statistics};
use crate::{Activation, BatchNorm, BatchNormParameters, Behind, Norm, RunningVariance, Shape, cpu};
use RunningVariance::{Biased, Unbiased};
use photonet_gpu::Storage;

/// One layer and the data that it meets.
#[derive(Clone, Copy)]
struct Setup {
    layer: BatchNorm,
    activation: Activation,
    residual: bool,
    mean: f64,
    storage: Storage,
}

pub(super) fn cases() -> Vec<Case> {
    let shape = Shape::new;
    let gate = Activation::HardSigmoid { slope: 0.2 };
    let mut cases = Vec::new();
    // shape, running variance, frozen, activation, residual
    for (shape, running_variance, frozen, activation, residual) in [
        (shape(1, 1, 1, 18), Unbiased, false, Activation::HardSwish, false),
        (shape(1, 1, 1, 3), Biased, true, Activation::Identity, false),
        (shape(2, 1, 1, 72), Unbiased, false, Activation::Identity, true),
        (shape(5, 1, 1, 960), Biased, false, Activation::HardSwish, false),
        (shape(1, 7, 7, 960), Biased, false, Activation::HardSwish, false),
        (shape(2, 7, 7, 30), Unbiased, false, Activation::Relu, false),
        (shape(5, 7, 7, 72), Biased, true, Activation::HardSwish, true),
        (shape(2, 15, 15, 30), Biased, false, gate, true),
        (shape(5, 15, 15, 8), Unbiased, true, Activation::Relu, false),
        (shape(1, 112, 112, 3), Biased, false, Activation::Relu, false),
        (shape(2, 112, 112, 18), Unbiased, false, Activation::HardSwish, true),
    ] {
        // Of two rows one is always normalised to 1 and the other to -1 but for epsilon, and the
        // gradient of the input cancels to nothing; a large epsilon leaves something to compare.
        let epsilon = if shape.rows() == 2 { 0.1 } else { 1e-5 };
        let layer = BatchNorm { shape, epsilon, keep: 0.9, running_variance, frozen };
        for storage in TRAINING_STORAGE {
            let setup = Setup { layer, activation, residual, mean: 0.5, storage };
            let name = setup.name();
            cases.push(training(setup, &name));
            cases.push(backward(setup, &name));
            cases.push(inference(setup, &name));
        }
    }
    let shape = Shape::new(5, 15, 15, 30);
    let layer = BatchNorm { shape, epsilon: 1e-3, keep: 0.99, running_variance: Biased, frozen: false };
    let far = Setup {
        layer,
        activation: Activation::Identity,
        residual: false,
        mean: 1000.0,
        storage: Storage::default(),
    };
    cases.push(far_from_zero(far));
    // An f32 near 1000 is known to 3e-5, and so is the mean that is subtracted.
    cases.push(training(far, &format!("{} mean 1000", far.name())).tolerance(1e-4));
    cases
}

impl Setup {
    fn name(&self) -> String {
        let s = &self.layer.shape;
        format!(
            "{}x{}x{}x{} {:?}{} {:?}{}",
            s.batch,
            s.height,
            s.width,
            s.channels,
            self.layer.running_variance,
            if self.layer.frozen { " frozen" } else { "" },
            self.activation,
            if self.residual { " residual" } else { "" }
        )
    }

    fn channels(&self) -> usize {
        self.layer.shape.channels
    }

    /// As activations are stored.
    fn rounded(&self, mut values: Vec<f64>) -> Vec<f64> {
        round(&mut values, self.storage.values);
        values
    }

    fn trial(&self) -> Trial {
        Trial::default().stored(self.storage)
    }

    /// Uniform with a standard deviation of 1 around the mean.
    fn input(&self) -> Vec<f64> {
        let reach = 3_f64.sqrt();
        self.rounded(between(21, Layout::of(&self.layer.shape).len(), self.mean - reach, self.mean + reach))
    }

    /// Wide enough that the activations meet both of their kinks.
    fn gamma(&self) -> Vec<f64> {
        between(22, self.channels(), 1.0, 3.0)
    }

    fn beta(&self) -> Vec<f64> {
        uniform(23, self.channels())
    }

    fn running(&self) -> Statistics {
        Statistics {
            mean: between(24, self.channels(), self.mean - 1.0, self.mean + 1.0),
            variance: between(25, self.channels(), 0.5, 2.0),
        }
    }

    fn residual(&self) -> Option<Vec<f64>> {
        self.residual.then(|| self.rounded(uniform(26, Layout::of(&self.layer.shape).len())))
    }

    fn training_moments(&self) -> Moments {
        let (gamma, beta) = (self.gamma(), self.beta());
        twin::training_moments(&self.layer, &self.input(), &self.running(), &gamma, &beta)
    }

    /// The output's gradient, zero for values so near to a kink of the activation that a rounding
    /// of the normalised value would choose the other side.
    fn output_gradient(&self, moments: &Moments) -> Vec<f64> {
        let kinks = cpu::activation::kinks(self.activation);
        let mut gradient = uniform(27, Layout::of(&self.layer.shape).len());
        for (y, g) in twin::normalise(&self.input(), moments).iter().zip(&mut gradient) {
            if kinks.iter().any(|kink| (y - kink).abs() < 1e-4) {
                *g = 0.0;
            }
        }
        gradient
    }
}

fn statistics_layout(channels: usize) -> Layout {
    Layout::rows(2, channels)
}

fn moments_layout(channels: usize) -> Layout {
    Layout::rows(4, channels)
}

fn flat_statistics(statistics: &Statistics) -> Vec<f64> {
    [statistics.mean.as_slice(), &statistics.variance].concat()
}

/// Uploads gamma, beta and the running statistics.
fn parameters(trial: &mut Trial, setup: &Setup) -> [Slot; 3] {
    let channels = setup.channels();
    [
        trial.input(Layout::channels(channels), &setup.gamma()),
        trial.input(Layout::channels(channels), &setup.beta()),
        trial.input(statistics_layout(channels), &flat_statistics(&setup.running())),
    ]
}

/// Statistics or running statistics, then normalisation, activation and residual, as a training step does.
fn training(setup: Setup, name: &str) -> Case {
    Case::new("batch_norm/training", name, move || {
        let Setup { layer, activation, .. } = setup;
        let mut trial = setup.trial();
        let (mut input, mut residual) = (setup.input(), setup.residual());
        let expected = setup.training_moments();
        let output = twin::apply(&input, &expected, activation, residual.as_deref());
        let running = twin::update_running(&layer, &setup.running(), &twin::statistics(&layer, &input));
        let wide = Layout::of(&layer.shape);
        let x = trial.values(wide, &mut input);
        let [gamma, beta, kept] = parameters(&mut trial, &setup);
        trial.expect("running", kept, statistics_layout(setup.channels()), flat_statistics(&running));
        let moments = trial.poisoned(moments_layout(setup.channels()));
        let layout = moments_layout(setup.channels());
        trial.expect_unpadded("moments", moments, layout, operand::flat(&expected));
        let residual = residual.as_mut().map(|residual| trial.values(wide, residual));
        let y = trial.activated("output", activation, wide, output);
        trial.record(move |plan, at| {
            let parameters = BatchNormParameters { gamma: at(gamma), beta: at(beta), running: at(kept) };
            layer.prepare(plan, "check", at(x), None, &parameters, at(moments));
            layer.apply(plan, "check", at(x), at(moments), activation, residual.map(at), at(y));
        })
    })
    .stored(setup.storage)
}

/// The running statistics as inference uses them.
fn inference(setup: Setup, name: &str) -> Case {
    Case::new("batch_norm/inference", name, move || {
        let Setup { layer, activation, .. } = setup;
        let mut trial = setup.trial();
        let (mut input, mut residual) = (setup.input(), setup.residual());
        let expected = twin::moments(&layer, &setup.running(), &setup.gamma(), &setup.beta());
        let output = twin::apply(&input, &expected, activation, residual.as_deref());
        let wide = Layout::of(&layer.shape);
        let x = trial.values(wide, &mut input);
        let [gamma, beta, kept] = parameters(&mut trial, &setup);
        let running = flat_statistics(&setup.running());
        trial.expect("running", kept, statistics_layout(setup.channels()), running);
        let moments = trial.poisoned(moments_layout(setup.channels()));
        let residual = residual.as_mut().map(|residual| trial.values(wide, residual));
        let y = trial.activated("output", activation, wide, output);
        trial.record(move |plan, at| {
            let parameters = BatchNormParameters { gamma: at(gamma), beta: at(beta), running: at(kept) };
            layer.prepare_inference(plan, "check", &parameters, at(moments));
            layer.apply(plan, "check", at(x), at(moments), activation, residual.map(at), at(y));
        })
    })
    .stored(setup.storage)
}

fn backward(setup: Setup, name: &str) -> Case {
    Case::new("batch_norm/backward", name, move || {
        let Setup { layer, activation, .. } = setup;
        let mut trial = setup.trial();
        let moments = setup.training_moments();
        let mut gradient = setup.output_gradient(&moments);
        let wide = Layout::of(&layer.shape);
        let g = trial.gradients(wide, &mut gradient);
        let expected = twin::backward(&layer, &setup.input(), &moments, activation, &gradient);
        let x = trial.values(wide, &mut setup.input());
        let m = trial.input(moments_layout(setup.channels()), &operand::flat(&moments));
        let gamma = trial.output("gamma_gradient", Layout::channels(setup.channels()), expected.gamma);
        let beta = trial.output("beta_gradient", Layout::channels(setup.channels()), expected.beta);
        let dx = trial.gradient("input_gradient", wide, expected.input);
        trial.record(move |plan, at| {
            let (dgamma, dbeta) = (at(gamma), at(beta));
            let behind = Behind { raw: at(x), norm: Norm { moments: at(m), activation } };
            let back = layer.backward(plan, "check", &behind, at(g).into(), dgamma, dbeta);
            layer.data_gradient(plan, "check", &back, at(dx));
        })
    })
    .stored(setup.storage)
}

/// Statistics of values around 1000 with a deviation of 1: E[x^2] - E[x]^2 in `f32` would leave
/// hardly one digit of the variance. Welford's running mean is rounded to 3e-5 at each row, which
/// reaches the variance in the sixth digit.
fn far_from_zero(setup: Setup) -> Case {
    let name = format!("{} mean 1000", setup.name());
    Case::new("batch_norm/statistics", name, move || {
        let layer = setup.layer;
        let mut trial = Trial::default();
        let input = setup.input();
        let batch = twin::statistics(&layer, &input);
        let expected = twin::moments(&layer, &batch, &setup.gamma(), &setup.beta());
        let running = twin::update_running(&layer, &setup.running(), &batch);
        let channels = setup.channels();
        let x = trial.input(Layout::of(&layer.shape), &input);
        let [gamma, beta, kept] = parameters(&mut trial, &setup);
        let padded = crate::pad_channels(channels);
        let moments = trial.poisoned(moments_layout(channels));
        let floats = |offset: usize| offset * padded;
        trial.expect_floats("mean", moments, floats(0), expected.mean);
        trial.expect_floats("inverse", moments, floats(1), expected.inverse);
        trial.expect_floats("scale", moments, floats(2), expected.scale);
        trial.expect_floats("running mean", kept, floats(0), running.mean);
        trial.expect_floats("running variance", kept, floats(1), running.variance);
        trial.record(move |plan, at| {
            let parameters = BatchNormParameters { gamma: at(gamma), beta: at(beta), running: at(kept) };
            layer.prepare(plan, "check", at(x), None, &parameters, at(moments));
        })
    })
    .tolerance(5.0 * TOLERANCE)
}
