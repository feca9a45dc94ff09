//! Optimisers over the flat parameter buffer.

use crate::activation::Length;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// What changes from one training step to the next; the layout of `shaders/shared/step.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Step {
    /// Learning rate.
    pub learning_rate: f32,
    /// Momentum, usually 0.9.
    pub momentum: f32,
    /// Epoch, from 0; keys dropout's random numbers.
    pub epoch: u32,
    /// Step since the start of training; reported when a loss is not finite.
    pub number: u32,
    /// Factor on the gradients: a part's share of the batch, 1 for a whole one.
    pub share: f32,
    /// Factor on the weight decay: 1, or 0 for all parts of a batch but the first.
    pub decay: f32,
    /// Adam's 1 - beta1^t.
    first_correction: f32,
    /// Adam's sqrt(1 - beta2^t).
    second_correction: f32,
}

impl Step {
    /// A step of Momentum that takes its batch as a whole. For other optimisers see [`Optimiser::step`].
    pub fn new(learning_rate: f32, momentum: f32, epoch: u32, number: u32) -> Self {
        let (share, decay, first_correction, second_correction) = (1.0, 1.0, 1.0, 1.0);
        Self { learning_rate, momentum, epoch, number, share, decay, first_correction, second_correction }
    }

    /// The same for a part of what an update follows. With [`Optimiser::adds_up`] the gradients add up in the velocity, which the
    /// first part decays, and the last moves the parameters; with others in a sum, see [`accumulate`].
    pub fn in_turn(self, turn: Turn) -> Self {
        Self {
            learning_rate: if turn.last { self.learning_rate } else { 0.0 },
            momentum: if turn.first { self.momentum } else { 1.0 },
            decay: if turn.first { self.decay } else { 0.0 },
            share: turn.share,
            ..self
        }
    }
}

/// A part of the images whose gradients make one update: of a batch that the device takes in parts, or one of several batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Nothing has been added up for the update.
    pub first: bool,
    /// The update follows.
    pub last: bool,
    /// Factor on the mean gradient of these images; of all turns of an update they are usually 1 together.
    pub share: f32,
}

impl Turn {
    /// An update of its own.
    pub const ALONE: Self = Self { first: true, last: true, share: 1.0 };

    /// Part `part` of `parts`, with `share` of this turn's images.
    pub fn part(self, part: usize, parts: usize, share: f32) -> Self {
        Self {
            first: self.first && part == 0,
            last: self.last && part + 1 == parts,
            share: self.share * share,
        }
    }
}

/// How parameters follow their gradients, in Paddle's forms; `shaders/optimiser` has the formulas.
///
/// All but [`Optimiser::Adam`] with `decoupled` add the decay, times the parameter, to the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimiser {
    /// Against the gradient.
    Sgd,
    /// Against a velocity that gathers gradients.
    Momentum {
        /// The share of the velocity that is kept, in [0, 1).
        momentum: f32,
        /// Nesterov's form: the step looks ahead by another momentum times the velocity.
        nesterov: bool,
    },
    /// Against the gradient in units of its root mean square.
    RmsProp {
        /// The share of the mean square that is kept, in [0, 1).
        rho: f32,
        /// Added to the mean square, above 0.
        epsilon: f32,
        /// The share of the last move that is added, in [0, 1).
        momentum: f32,
        /// Take the square of the gradient's mean off its mean square.
        centered: bool,
    },
    /// Against the gradient's mean in units of its root mean square, both corrected for their start at 0.
    Adam {
        /// The share of the mean that is kept, in [0, 1).
        beta1: f32,
        /// The share of the mean square that is kept, in [0, 1).
        beta2: f32,
        /// Added to the root, above 0.
        epsilon: f32,
        /// AdamW: the decay acts on the parameters, not by way of the gradient.
        decoupled: bool,
    },
}

/// The buffers of one update.
#[derive(Clone, Copy, Debug)]
pub struct UpdateTensors<'a> {
    /// A [`Step`].
    pub step: Tensor,
    /// A learning-rate factor (0 freezes) and a decay for each block of [`Optimiser::BLOCK`] parameters.
    pub ranges: Tensor,
    /// Flat, of the parameters' length, as all that follow.
    pub gradients: Tensor,
    /// What is updated.
    pub parameters: Tensor,
    /// The optimiser's state, in the order of [`Optimiser::slots`].
    pub slots: &'a [Tensor],
}

/// A uniform of a length and three numbers.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Settings {
    length: u32,
    numbers: [f32; 3],
}

impl Optimiser {
    /// Parameters that share one entry of the table of ranges.
    pub const BLOCK: usize = 64;

    /// Its name in PaddleClas's configurations.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sgd => "SGD",
            Self::Momentum { .. } => "Momentum",
            Self::RmsProp { .. } => "RMSProp",
            Self::Adam { decoupled: false, .. } => "Adam",
            Self::Adam { decoupled: true, .. } => "AdamW",
        }
    }

    /// What it keeps for each parameter from step to step, all 0 at the start; in the names of the shaders.
    pub fn slots(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd => &[],
            Self::Momentum { .. } => &["velocity"],
            Self::RmsProp { momentum, centered, .. } => match (*momentum > 0.0, centered) {
                (false, false) => &["mean_square"],
                (true, false) => &["mean_square", "moment"],
                (false, true) => &["mean_square", "mean_gradient"],
                (true, true) => &["mean_square", "moment", "mean_gradient"],
            },
            Self::Adam { .. } => &["moment1", "moment2"],
        }
    }

    /// Whether the gradients of a batch's parts can be added up in its state, so that each part takes an update of its own; see
    /// [`Step::in_turn`]. Others want their sum.
    pub fn adds_up(&self) -> bool {
        matches!(self, Self::Momentum { nesterov: false, .. })
    }

    /// A step that takes its batch as a whole; `updates` have been made before it.
    pub fn step(&self, learning_rate: f32, epoch: u32, number: u32, updates: u64) -> Step {
        let momentum = if let Self::Momentum { momentum, .. } = *self { momentum } else { 0.0 };
        let step = Step::new(learning_rate, momentum, epoch, number);
        let Self::Adam { beta1, beta2, .. } = *self else { return step };
        // Of more updates than `powi` counts nothing is left.
        let count = i32::try_from(updates + 1).unwrap_or(i32::MAX);
        let missing = |beta: f32| 1.0 - f64::from(beta).powi(count);
        Step {
            first_correction: missing(beta1) as f32,
            second_correction: missing(beta2).sqrt() as f32,
            ..step
        }
    }

    /// Appends the update of `length` parameters, a multiple of [`Optimiser::BLOCK`].
    pub fn update(&self, plan: &mut PlanBuilder, length: usize, tensors: &UpdateTensors) {
        let vectors = (length / 4) as u32;
        let settings = |numbers| Settings { length: vectors, numbers };
        let kernel = match self {
            Self::Sgd => &kernels::OPTIMISER_SGD,
            Self::Momentum { nesterov: false, .. } => &kernels::OPTIMISER_MOMENTUM,
            Self::Momentum { nesterov: true, .. } => &kernels::OPTIMISER_NESTEROV,
            Self::RmsProp { .. } => &kernels::OPTIMISER_RMSPROP,
            Self::Adam { .. } => &kernels::OPTIMISER_ADAM,
        };
        let mut dispatch = Dispatch::new(kernel, self.name().to_lowercase())
            .bind("step", tensors.step)
            .bind("ranges", tensors.ranges)
            .bind("gradients", tensors.gradients)
            .bind("parameters", tensors.parameters);
        for (name, slot) in self.slots().iter().zip(tensors.slots) {
            dispatch = dispatch.bind(name, *slot);
        }
        dispatch = match *self {
            Self::Sgd | Self::Momentum { .. } => dispatch.params(&settings([0.0; 3])),
            Self::RmsProp { rho, epsilon, momentum, centered } => {
                let moving = momentum > 0.0;
                for (name, kept) in [("moment", moving), ("mean_gradient", centered)] {
                    if !kept {
                        // What is written must not be bound twice.
                        dispatch = dispatch.bind(name, plan.transient(format!("no {name}"), 16));
                    }
                }
                let dispatch = dispatch.params(&settings([rho, epsilon, momentum]));
                dispatch.constant("CENTERED", centered).constant("MOVING", moving)
            }
            Self::Adam { beta1, beta2, epsilon, decoupled } => {
                dispatch.params(&settings([beta1, beta2, epsilon])).constant("DECOUPLED", decoupled)
            }
        };
        // Gradients are read; parameters and state are read and written.
        let passes = 3 + 2 * self.slots().len() as u64;
        plan.dispatch(dispatch.threads(vectors.into()).cost(0, length as u64 * 4 * passes));
    }
}

/// Appends `sum = share * gradients`, or, where the [`Step`] is not of a first part, `sum += share * gradients`; `length` values, a
/// multiple of [`Optimiser::BLOCK`].
pub fn accumulate(plan: &mut PlanBuilder, length: usize, step: Tensor, gradients: Tensor, sum: Tensor) {
    let vectors = Length { length: (length / 4) as u32, unused: [0; 3] };
    plan.dispatch(
        Dispatch::new(&kernels::OPTIMISER_ACCUMULATE, "gradient sum")
            .bind("step", step)
            .bind("gradients", gradients)
            .bind("sum", sum)
            .params(&vectors)
            .threads(vectors.length.into())
            .cost(0, length as u64 * 12),
    );
}

/// Appends `average = decay * average + (1 - decay) * values`, of `length` values, a multiple of 4.
pub fn average(plan: &mut PlanBuilder, length: usize, decay: f64, values: Tensor, average: Tensor) {
    #[repr(C)]
    #[derive(Clone, Copy, Pod, Zeroable)]
    struct Params {
        length: u32,
        decay: f32,
        rest: f32,
        unused: u32,
    }
    let vectors = (length / 4) as u32;
    // Rounded by itself: of a decay near 1, single precision leaves a rest that is off by a thousandth.
    let params = Params { length: vectors, decay: decay as f32, rest: (1.0 - decay) as f32, unused: 0 };
    plan.dispatch(
        Dispatch::new(&kernels::OPTIMISER_AVERAGE, "moving average")
            .bind("values", values)
            .bind("average", average)
            .params(&params)
            .threads(vectors.into())
            .cost(0, length as u64 * 12),
    );
}
