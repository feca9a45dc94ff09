//! A convolution with batch normalisation and activation, in training.

use super::{Precision, range};
use crate::layers::Normalised;
use crate::{Architecture, ParameterLayout, Tuning};
use photonet_gpu::{DeviceClass, PlanBuilder, Tensor};
use photonet_nn::{
    Activation, BatchNorm, BatchNormParameters, Behind, Dense, Depthwise, Fused, Gate, Geometry,
    GradientOperand, Norm, Operand, OutputGradient, Pointwise, Shape, SlabSums, SqueezeExciteParameters,
    Target, fill,
};

/// What recording a network needs at hand.
pub(super) struct Recorder<'a> {
    pub plan: PlanBuilder,
    pub architecture: &'a Architecture,
    pub layout: &'a ParameterLayout,
    pub tuning: Tuning,
    pub precision: Precision,
    /// Of the batch's images, 1 but for a part.
    pub share: f32,
    pub parameters: Tensor,
    pub gradients: Tensor,
    /// Weight gradients of the layers so far of which the slabs are to be added up.
    pub sums: SlabSums,
    pub statistics: Tensor,
}

impl Recorder<'_> {
    fn slice(&self, flat: Tensor, name: &str) -> Tensor {
        let spec = self.layout.parameter(name);
        // The layout is made from the same layers, so the name is there; an empty range would be
        // refused when the plan is built.
        spec.map_or(flat.slice(0, 0), |s| range(flat, s.offset, s.elements))
    }

    pub fn parameter(&self, name: &str) -> Tensor {
        self.slice(self.parameters, name)
    }

    pub fn gradient(&self, name: &str) -> Tensor {
        self.slice(self.gradients, name)
    }

    pub fn transient(&mut self, label: &str, shape: &Shape) -> Tensor {
        self.plan.transient(label, shape.bytes())
    }

    /// An activation between convolutions.
    pub fn activation(&mut self, label: &str, shape: &Shape) -> Tensor {
        let format = self.precision.values();
        self.plan.transient(label, shape.bytes_in(format)).with_format(format)
    }

    /// The gradient of such an activation.
    pub fn activation_gradient(&mut self, label: &str, shape: &Shape) -> Tensor {
        let format = self.precision.gradients();
        self.plan.transient(label, shape.bytes_in(format)).with_format(format)
    }

    pub fn squeeze_excite(&self, block: &str, of: impl Fn(&Self, &str) -> Tensor) -> SqueezeExciteParameters {
        SqueezeExciteParameters::by_name(|part| of(self, &format!("{block}.squeeze.{part}")))
    }
}

/// The convolution of a unit.
pub(super) enum Convolution {
    Dense(Dense),
    Depthwise(Depthwise),
    Pointwise(Pointwise, Shape),
}

impl Convolution {
    pub fn new(unit: &Normalised, input: Shape, architecture: &Architecture) -> Self {
        let padding = architecture.switches.padding();
        if unit.depthwise
            && let Some(depthwise) = Depthwise::new(input, unit.kernel, unit.stride, padding)
        {
            return Self::Depthwise(depthwise);
        }
        if unit.kernel == 1 {
            let product = Pointwise { rows: input.rows(), inputs: unit.inputs, outputs: unit.outputs };
            return Self::Pointwise(product, input);
        }
        let (outputs, kernel, stride) = (unit.outputs, unit.kernel, unit.stride);
        Self::Dense(Dense { geometry: Geometry { input, outputs, kernel, stride, padding } })
    }

    pub fn input(&self) -> Shape {
        match self {
            Self::Dense(c) => c.geometry.input,
            Self::Depthwise(c) => c.geometry().input,
            Self::Pointwise(_, input) => *input,
        }
    }

    pub fn output(&self) -> Shape {
        match self {
            Self::Dense(c) => c.output(),
            Self::Depthwise(c) => c.output(),
            Self::Pointwise(c, input) => input.with_channels(c.outputs),
        }
    }
}

/// What a unit reads.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub operand: Operand,
    /// Squeeze-excite's, where a 1x1 convolution follows it.
    pub gate: Option<Gate>,
}

impl From<Operand> for Source {
    fn from(operand: Operand) -> Self {
        Self { operand, gate: None }
    }
}

impl From<Tensor> for Source {
    fn from(tensor: Tensor) -> Self {
        Operand::from(tensor).into()
    }
}

/// How a unit leaves its output.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Leaves {
    /// Normalised and activated, with this added: what the block's end is read as by several.
    Ready(Option<Tensor>),
    /// As suits the device: raw, for the next kernels to normalise as they load it, or ready.
    Either,
}

/// The gradient of a unit's input that is wanted.
#[derive(Clone, Copy)]
pub(super) enum Wants<'a> {
    Nothing,
    /// As it is.
    Plain,
    /// For the unit whose output is this one's input: taken back through its activation where that can be done on the
    /// way.
    For(&'a Unit),
}

/// Whether kernels normalise what they load, which spares writing and reading wide tensors once more. On a software
/// device normalising costs little beside a load, but kernels without subgroups load a value many times.
fn normalises_on_load(plan: &PlanBuilder) -> bool {
    match plan.class() {
        DeviceClass::Discrete | DeviceClass::Integrated => true,
        DeviceClass::Software => plan.subgroups(),
    }
}

/// A unit whose forward pass is recorded, with what its backward pass needs.
pub(super) struct Unit {
    name: String,
    convolution: Convolution,
    norm: BatchNorm,
    input: Source,
    raw: Behind,
    /// Whether something is added to the activated values.
    has_residual: bool,
    /// The unit's output.
    pub output: Operand,
    /// Its shape.
    pub shape: Shape,
}

impl Unit {
    /// Records convolution and statistics, and normalisation, activation and the residual where the output is left
    /// ready.
    pub fn forward(
        r: &mut Recorder<'_>,
        unit: &Normalised,
        shape: Shape,
        input: impl Into<Source>,
        leaves: Leaves,
    ) -> Self {
        let input: Source = input.into();
        let name = unit.name.clone();
        let switches = &r.architecture.switches;
        let convolution = Convolution::new(unit, shape, r.architecture);
        let output_shape = convolution.output();
        let norm = BatchNorm {
            shape: output_shape,
            epsilon: switches.bn_epsilon,
            // The parts of a batch forget as much together as a whole one.
            keep: switches.bn_keep.powf(r.share),
            running_variance: switches.running_variance(),
            frozen: r.tuning.is_constant(&name),
        };
        let raw = r.activation(&format!("{name} convolution"), &output_shape);
        let moments = r.plan.transient(format!("{name} moments"), norm.moment_bytes());
        let weights = r.parameter(&format!("{name}.conv.weight"));
        let none = Activation::Identity;
        let Source { operand, gate } = input;
        let mut statistics = None;
        match &convolution {
            // Frozen normalisation takes no statistics.
            Convolution::Dense(c) if norm.frozen => {
                c.forward(&mut r.plan, &name, operand.tensor, weights, None, none, raw);
            }
            Convolution::Depthwise(c) if norm.frozen => {
                c.forward(&mut r.plan, &name, operand, weights, None, none, raw);
            }
            Convolution::Pointwise(c, _) if norm.frozen => {
                let fused = Fused { gate, ..Fused::default() };
                c.forward(&mut r.plan, &name, operand, weights, &fused, raw);
            }
            Convolution::Dense(c) => {
                statistics = c.forward_for_norm(&mut r.plan, &name, operand.tensor, weights, raw);
            }
            Convolution::Depthwise(c) => {
                statistics = c.forward_for_norm(&mut r.plan, &name, operand, weights, raw);
            }
            Convolution::Pointwise(c, _) => {
                statistics = c.forward_for_norm(&mut r.plan, &name, operand, gate, weights, raw);
            }
        }
        let of_norm = r.norm_parameters(&name);
        let label = format!("{name} bn");
        norm.prepare(&mut r.plan, &label, raw, statistics, &of_norm, moments);
        let activation = unit.activation;
        let residual = match leaves {
            Leaves::Ready(residual) => residual,
            Leaves::Either => None,
        };
        let output = if leaves == Leaves::Either && normalises_on_load(&r.plan) {
            Operand { tensor: raw, norm: Some(Norm { moments, activation }) }
        } else {
            let output = r.activation(&format!("{name} output"), &output_shape);
            norm.apply(&mut r.plan, &label, raw, moments, activation, residual, output);
            output.into()
        };
        let raw = Behind { raw, norm: Norm { moments, activation } };
        let has_residual = residual.is_some();
        Self { name, convolution, norm, input, raw, has_residual, output, shape: output_shape }
    }

    /// What the unit behind this one needs to know of it on the way back.
    pub fn behind(&self) -> &Behind {
        &self.raw
    }

    /// Records the backward pass; returns the gradient of the input where `wants` asks for it.
    /// `skip` is a gradient that reaches the unit's input by another way, and is used up: the input's gradient is added to it.
    pub fn backward(
        &self,
        r: &mut Recorder<'_>,
        output_gradient: impl Into<OutputGradient>,
        skip: Option<Tensor>,
        wants: Wants<'_>,
    ) -> Option<OutputGradient> {
        let name = &self.name;
        let wants_input = !matches!(wants, Wants::Nothing);
        let from = self.raw_gradient(r, output_gradient.into(), wants_input);
        let weights = r.parameter(&format!("{name}.conv.weight"));
        let gradient = r.gradient(&format!("{name}.conv.weight"));
        let Source { operand, gate } = self.input;
        let shape = self.convolution.input();
        let new = |r: &mut Recorder<'_>| r.activation_gradient(&format!("{name} input gradient"), &shape);
        let target =
            |r: &mut Recorder<'_>| Target { tensor: skip.unwrap_or_else(|| new(r)), adds: skip.is_some() };
        if let (Convolution::Depthwise(c), Wants::For(unit)) = (&self.convolution, wants)
            && !unit.has_residual
        {
            let target = target(r);
            return Some(c.gradients_behind(
                &mut r.plan,
                name,
                operand,
                from,
                weights,
                unit.behind(),
                target,
                gradient,
                &mut r.sums,
            ));
        }
        if let (Convolution::Pointwise(c, _), Wants::For(unit)) = (&self.convolution, wants) {
            let (target, behind) = (target(r), unit.behind());
            let (plan, sums) = (&mut r.plan, &mut r.sums);
            return Some(
                c.gradients_behind(plan, name, operand, gate, from, weights, behind, target, gradient, sums),
            );
        }
        match &self.convolution {
            Convolution::Dense(c) => {
                c.weight_gradient(&mut r.plan, name, operand.tensor, from, gradient, &mut r.sums);
            }
            Convolution::Depthwise(c) => {
                c.weight_gradient(&mut r.plan, name, operand, from, gradient, &mut r.sums)
            }
            Convolution::Pointwise(c, _) => {
                c.weight_gradient(&mut r.plan, name, operand, gate, from, gradient, &mut r.sums);
            }
        }
        let behind = match wants {
            Wants::Nothing => return None,
            Wants::Plain => None,
            Wants::For(unit) => Some(unit.behind()),
        };
        let target = target(r);
        let plan = &mut r.plan;
        let filled = match (&self.convolution, behind) {
            (Convolution::Depthwise(c), Some(behind)) => {
                return Some(c.data_gradient_behind(plan, name, from, weights, behind, target));
            }
            (Convolution::Pointwise(c, _), _) => {
                c.data_gradient(plan, name, from, weights, target);
                target.tensor
            }
            (Convolution::Depthwise(c), None) => c.data_gradient(plan, name, from, weights, target),
            (Convolution::Dense(c), _) => fill(plan, name, &shape, target, |plan, to| {
                c.data_gradient(plan, name, from, weights, to);
            }),
        };
        Some(filled.into())
    }

    /// Records the gradients of the normalisation's parameters; returns the gradient of the convolution's output, on its way
    /// through the normalisation where the next kernels can do that as they load it.
    fn raw_gradient(
        &self,
        r: &mut Recorder<'_>,
        output_gradient: OutputGradient,
        wants_input: bool,
    ) -> GradientOperand {
        let label = format!("{} bn", self.name);
        let gamma = r.gradient(&format!("{}.bn.weight", self.name));
        let beta = r.gradient(&format!("{}.bn.bias", self.name));
        let back = self.norm.backward(&mut r.plan, &label, &self.raw, output_gradient, gamma, beta);
        let class = r.plan.class();
        let raw = self.output.norm.is_some();
        let takes_it = match &self.convolution {
            // The weight gradient alone does.
            Convolution::Dense(_) => !wants_input && Dense::takes_gradients_on_load(class),
            Convolution::Depthwise(c) => raw && c.takes_gradients_on_load(class),
            Convolution::Pointwise(..) => raw && Pointwise::takes_gradients_on_load(class),
        };
        if let Some(gradient) = back.on_load().filter(|_| takes_it) {
            return gradient;
        }
        let gradient = r.activation_gradient(&format!("{} convolution gradient", self.name), &self.shape);
        self.norm.data_gradient(&mut r.plan, &label, &back, gradient);
        gradient.into()
    }
}

impl Recorder<'_> {
    fn norm_parameters(&self, unit: &str) -> BatchNormParameters {
        let mean = format!("{unit}.bn.running_mean");
        let running = self.layout.statistics.iter().find(|s| s.name == mean);
        BatchNormParameters {
            gamma: self.parameter(&format!("{unit}.bn.weight")),
            beta: self.parameter(&format!("{unit}.bn.bias")),
            running: running
                .map_or(self.statistics.slice(0, 0), |s| range(self.statistics, s.offset, 2 * s.elements)),
        }
    }
}
