//! A convolution with batch normalisation and activation, in training.

use super::range;
use crate::layers::Normalised;
use crate::{Architecture, ParameterLayout, Tuning};
use photonet_gpu::{PlanBuilder, Tensor};
use photonet_nn::{
    Activation, BatchNorm, BatchNormParameters, Dense, Depthwise, Fused, Geometry, Pointwise, Shape,
    SqueezeExciteParameters,
};

/// What recording a network needs at hand.
pub(super) struct Recorder<'a> {
    pub plan: PlanBuilder,
    pub architecture: &'a Architecture,
    pub layout: &'a ParameterLayout,
    pub tuning: Tuning,
    pub parameters: Tensor,
    pub gradients: Tensor,
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

    pub fn squeeze_excite(&self, block: &str, of: impl Fn(&Self, &str) -> Tensor) -> SqueezeExciteParameters {
        let name = |part: &str| of(self, &format!("{block}.squeeze.{part}"));
        SqueezeExciteParameters {
            reduce_weight: name("reduce.weight"),
            reduce_bias: name("reduce.bias"),
            expand_weight: name("expand.weight"),
            expand_bias: name("expand.bias"),
        }
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

    pub fn output(&self) -> Shape {
        match self {
            Self::Dense(c) => c.output(),
            Self::Depthwise(c) => c.output(),
            Self::Pointwise(c, input) => input.with_channels(c.outputs),
        }
    }
}

/// A unit whose forward pass is recorded, with what its backward pass needs.
pub(super) struct Unit {
    name: String,
    convolution: Convolution,
    norm: BatchNorm,
    activation: Activation,
    input: Tensor,
    raw: Tensor,
    moments: Tensor,
    /// The unit's output.
    pub output: Tensor,
    /// Its shape.
    pub shape: Shape,
}

impl Unit {
    /// Records convolution, statistics, normalisation, activation and the residual.
    pub fn forward(
        r: &mut Recorder<'_>,
        unit: &Normalised,
        shape: Shape,
        input: Tensor,
        residual: Option<Tensor>,
    ) -> Self {
        let name = unit.name.clone();
        let switches = &r.architecture.switches;
        let convolution = Convolution::new(unit, shape, r.architecture);
        let output_shape = convolution.output();
        let norm = BatchNorm {
            shape: output_shape,
            epsilon: switches.bn_epsilon,
            keep: switches.bn_keep,
            running_variance: switches.running_variance(),
            frozen: r.tuning.is_constant(&name),
        };
        let raw = r.transient(&format!("{name} convolution"), &output_shape);
        let moments = r.plan.transient(format!("{name} moments"), norm.moment_bytes());
        let output = r.transient(&format!("{name} output"), &output_shape);
        let weights = r.parameter(&format!("{name}.conv.weight"));
        let none = Activation::Identity;
        match &convolution {
            Convolution::Dense(c) => c.forward(&mut r.plan, &name, input, weights, None, none, raw),
            Convolution::Depthwise(c) => c.forward(&mut r.plan, &name, input, weights, None, none, raw),
            Convolution::Pointwise(c, _) => {
                c.forward(&mut r.plan, &name, input, weights, &Fused::default(), raw)
            }
        }
        let of_norm = r.norm_parameters(&name);
        let label = format!("{name} bn");
        norm.prepare(&mut r.plan, &label, raw, &of_norm, moments);
        norm.apply(&mut r.plan, &label, raw, moments, unit.activation, residual, output);
        let activation = unit.activation;
        Self { name, convolution, norm, activation, input, raw, moments, output, shape: output_shape }
    }

    /// Records the backward pass; returns the gradient of the input where `wants_input` asks for it.
    /// `skip` is a gradient that reaches the unit's input by another way and is added to it.
    pub fn backward(
        &self,
        r: &mut Recorder<'_>,
        output_gradient: Tensor,
        skip: Option<Tensor>,
        wants_input: bool,
    ) -> Option<Tensor> {
        let name = &self.name;
        let raw_gradient = r.transient(&format!("{name} convolution gradient"), &self.shape);
        let gamma = r.gradient(&format!("{name}.bn.weight"));
        let beta = r.gradient(&format!("{name}.bn.bias"));
        self.norm.backward(
            &mut r.plan,
            &format!("{name} bn"),
            self.raw,
            self.moments,
            self.activation,
            output_gradient,
            gamma,
            beta,
            raw_gradient,
        );
        let weights = r.parameter(&format!("{name}.conv.weight"));
        let gradient = r.gradient(&format!("{name}.conv.weight"));
        match &self.convolution {
            Convolution::Dense(c) => c.weight_gradient(&mut r.plan, name, self.input, raw_gradient, gradient),
            Convolution::Depthwise(c) => {
                c.weight_gradient(&mut r.plan, name, self.input, raw_gradient, gradient)
            }
            Convolution::Pointwise(c, _) => {
                c.weight_gradient(&mut r.plan, name, self.input, raw_gradient, gradient);
            }
        }
        if !wants_input {
            return None;
        }
        let shape = match &self.convolution {
            Convolution::Dense(c) => c.geometry.input,
            Convolution::Depthwise(c) => c.geometry().input,
            Convolution::Pointwise(_, input) => *input,
        };
        let input_gradient = r.transient(&format!("{name} input gradient"), &shape);
        match &self.convolution {
            Convolution::Pointwise(c, _) => {
                c.data_gradient(&mut r.plan, name, raw_gradient, weights, skip, input_gradient);
                return Some(input_gradient);
            }
            Convolution::Dense(c) => {
                c.data_gradient(&mut r.plan, name, raw_gradient, weights, input_gradient)
            }
            Convolution::Depthwise(c) => {
                c.data_gradient(&mut r.plan, name, raw_gradient, weights, input_gradient)
            }
        }
        Some(match skip {
            None => input_gradient,
            Some(skip) => {
                let sum = r.transient(&format!("{name} joined gradient"), &shape);
                photonet_nn::add(&mut r.plan, &format!("{name} join"), &shape, input_gradient, skip, sum);
                sum
            }
        })
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
