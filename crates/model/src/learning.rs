//! How a network learns from its gradients.

use crate::names::{Naming, external_names};
use crate::{Architecture, ParameterKind, ParameterSpec};
use photonet_nn::Optimiser;

/// How a network learns from its gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Learning {
    /// How parameters follow their gradients.
    pub optimiser: Optimiser,
    /// What pulls parameters to zero.
    pub decay: Decay,
    /// The largest norm of a tensor's gradient; longer ones are cut to it, before decay is added.
    pub clip_norm: Option<f32>,
    /// The decay of an exponential moving average of all weights, taken after every update.
    pub average: Option<f64>,
    /// Whether an update may follow several batches, so that what was added up has to be kept from step to step.
    pub accumulates: bool,
}

/// Weight decay: which parameters, and how much.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decay {
    /// Times the parameter, it is added to the gradient, or, by AdamW, taken off the parameter.
    pub coefficient: f32,
    /// Of batch normalisation's scales and shifts as well, which PaddleClas spares but with AdamW.
    pub normalisations: bool,
    /// Not of tensors with one dimension: biases, and scales and shifts of batch normalisation.
    pub spares_vectors: bool,
    /// Not of tensors whose name in PaddleClas contains one of these.
    pub spared: Vec<String>,
}

impl Learning {
    /// Momentum of 0.9 with a decay of all but batch normalisation, one update a batch.
    pub fn momentum(decay: f32) -> Self {
        Self {
            optimiser: Optimiser::Momentum { momentum: 0.9, nesterov: false },
            decay: Decay { coefficient: decay, ..Decay::default() },
            clip_norm: None,
            average: None,
            accumulates: false,
        }
    }

    /// Whether the gradients of several parts have to be summed up before an update.
    pub(crate) fn wants_sum(&self) -> bool {
        !self.optimiser.adds_up() || self.clip_norm.is_some()
    }
}

impl Decay {
    /// That of each of an architecture's parameters.
    pub(crate) fn of(&self, architecture: &Architecture, specs: &[ParameterSpec]) -> Vec<f32> {
        let names = external_names(architecture, Naming::Paddle, specs);
        let spared = |name: &Option<String>| {
            name.as_ref().is_some_and(|name| self.spared.iter().any(|part| name.contains(part.as_str())))
        };
        let decays = |spec: &ParameterSpec| {
            (spec.decay || self.normalisations)
                && !(self.spares_vectors && spec.kind == ParameterKind::Vector)
        };
        let of = |(spec, name)| if decays(spec) && !spared(name) { self.coefficient } else { 0.0 };
        specs.iter().zip(&names).map(of).collect()
    }
}
