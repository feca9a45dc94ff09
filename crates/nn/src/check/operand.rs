//! Inputs that kernels normalise as they load them.

use super::layout::Layout;
use super::noise::{between, uniform};
use super::trial::{Slot, Trial};
use crate::cpu::batch_norm::{self as twin, Moments};
use crate::{Activation, GradientOperand, Norm, Operand, Through};
use photonet_gpu::Tensor;

/// An input in the trial's buffers.
#[derive(Clone, Copy)]
pub(super) struct Source {
    values: Slot,
    norm: Option<(Slot, Activation)>,
}

impl Source {
    /// Uploads `values`, `[rows][channels]`, in the format of activations; with an activation as the raw output of a convolution. Returns what a
    /// kernel sees as well.
    pub fn new(
        trial: &mut Trial,
        (rows, channels): (usize, usize),
        mut values: Vec<f64>,
        norm: Option<Activation>,
    ) -> (Self, Vec<f64>) {
        let slot = trial.values(Layout::rows(rows, channels), &mut values);
        let Some(activation) = norm else { return (Self { values: slot, norm: None }, values) };
        let moments = moments(channels);
        let seen = twin::apply(&values, &moments, activation, None);
        let moments = trial.input(Layout::rows(4, channels), &flat(&moments));
        (Self { values: slot, norm: Some((moments, activation)) }, seen)
    }

    /// As a kernel takes it.
    pub fn operand(&self, at: &dyn Fn(Slot) -> Tensor) -> Operand {
        let norm = self.norm.map(|(moments, activation)| Norm { moments: at(moments), activation });
        Operand { tensor: at(self.values), norm }
    }
}

/// The gradient of a convolution's output in the trial's buffers.
#[derive(Clone, Copy)]
pub(super) struct GradientSource {
    gradient: Slot,
    through: Option<[Slot; 2]>,
}

impl GradientSource {
    /// Uploads `gradient`, `[rows][channels]`, rounded to the format of gradients; on request with a normalisation that it has
    /// yet to go back through. Returns what a kernel sees as well.
    pub fn new(
        trial: &mut Trial,
        (rows, channels): (usize, usize),
        mut gradient: Vec<f64>,
        through_norm: bool,
    ) -> (Self, Vec<f64>) {
        let layout = Layout::rows(rows, channels);
        let slot = trial.gradients(layout, &mut gradient);
        if !through_norm {
            return (Self { gradient: slot, through: None }, gradient);
        }
        let mut output = between(86, layout.len(), -1.0, 2.0);
        let uploaded = trial.values(layout, &mut output);
        let coefficients = between(87, 3 * channels, -1.0, 1.0);
        let [scale, slope, offset] = [0, 1, 2].map(|row| &coefficients[row * channels..][..channels]);
        let on_the_way = |(at, g): (usize, f64)| {
            let c = at % channels;
            g * scale[c] + output[at] * slope[c] + offset[c]
        };
        let seen = gradient.into_iter().enumerate().map(on_the_way).collect();
        let coefficients = trial.input(Layout::rows(3, channels), &coefficients);
        (Self { gradient: slot, through: Some([uploaded, coefficients]) }, seen)
    }

    /// As a kernel takes it.
    pub fn operand(&self, at: &dyn Fn(Slot) -> Tensor) -> GradientOperand {
        let through = |[output, coefficients]: [Slot; 2]| Through {
            output: at(output),
            coefficients: at(coefficients),
        };
        GradientOperand { tensor: at(self.gradient), through: self.through.map(through) }
    }

    /// What a case's name says of it.
    pub fn note(through_norm: bool) -> &'static str {
        if through_norm { " through a normalisation" } else { "" }
    }
}

/// Moments as of a batch with a mean near zero.
pub(super) fn moments(channels: usize) -> Moments {
    let mean = uniform(81, channels);
    let inverse = between(82, channels, 0.5, 2.0);
    let scale: Vec<f64> = between(83, channels, 0.5, 4.0);
    let shift = uniform(84, channels);
    Moments { mean, inverse, scale, shift }
}

/// As they lie in the tensor `moments`.
pub(super) fn flat(moments: &Moments) -> Vec<f64> {
    [moments.mean.as_slice(), &moments.inverse, &moments.scale, &moments.shift].concat()
}

/// What a case's name says of its input.
pub(super) fn note(norm: Option<Activation>) -> String {
    norm.map_or(String::new(), |activation| format!(" of normalised {activation:?}"))
}
