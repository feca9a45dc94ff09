//! Squeeze-and-excitation: pool, two small products, a gate for every channel of every image.

use crate::columns::Columns;
use crate::pool::Broadcast;
use crate::{Activation, GlobalPool, Pointwise, Shape};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// `output = input * hardsigmoid(expand(relu(reduce(mean(input)))))`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SqueezeExcite {
    /// Shape of input and output.
    pub shape: Shape,
    /// Channels between the two products.
    pub hidden: usize,
    /// Slope of the hardsigmoid.
    pub slope: f32,
}

/// Weights `[inputs][outputs]` and biases of the two products, or their gradients.
#[derive(Clone, Copy, Debug)]
pub struct SqueezeExciteParameters {
    /// `[channels][hidden]`.
    pub reduce_weight: Tensor,
    /// `[hidden]`.
    pub reduce_bias: Tensor,
    /// `[hidden][channels]`.
    pub expand_weight: Tensor,
    /// `[channels]`.
    pub expand_bias: Tensor,
}

/// What the forward pass leaves for the backward pass; all are `[batch][channels]` or `[batch][hidden]`.
#[derive(Clone, Copy, Debug)]
pub struct SqueezeExciteState {
    pooled: Tensor,
    reduced: Tensor,
    hidden: Tensor,
    expanded: Tensor,
    gate: Tensor,
}

impl SqueezeExcite {
    fn reduce(&self) -> Pointwise {
        Pointwise { rows: self.shape.batch, inputs: self.shape.channels, outputs: self.hidden }
    }

    fn expand(&self) -> Pointwise {
        Pointwise { rows: self.shape.batch, inputs: self.hidden, outputs: self.shape.channels }
    }

    fn wide(&self) -> Shape {
        Shape::vector(self.shape.batch, self.shape.channels)
    }

    fn narrow(&self) -> Shape {
        Shape::vector(self.shape.batch, self.hidden)
    }

    fn gate(&self) -> Activation {
        Activation::HardSigmoid { slope: self.slope }
    }

    /// Multiply-accumulates of the two products.
    pub fn macs(&self) -> u64 {
        self.reduce().macs() + self.expand().macs()
    }

    /// Appends the forward pass, keeping what backward needs.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        parameters: &SqueezeExciteParameters,
        output: Tensor,
    ) -> SqueezeExciteState {
        let wide = self.wide();
        let narrow = self.narrow();
        let state = SqueezeExciteState {
            pooled: plan.transient(format!("{label} pooled"), wide.bytes()),
            reduced: plan.transient(format!("{label} reduced"), narrow.bytes()),
            hidden: plan.transient(format!("{label} hidden"), narrow.bytes()),
            expanded: plan.transient(format!("{label} expanded"), wide.bytes()),
            gate: plan.transient(format!("{label} gate"), wide.bytes()),
        };
        GlobalPool { input: self.shape }.forward(plan, &format!("{label} pool"), input, state.pooled);
        let linear = Activation::Identity;
        self.reduce().forward(
            plan,
            &format!("{label} reduce"),
            state.pooled,
            parameters.reduce_weight,
            Some(parameters.reduce_bias),
            linear,
            None,
            state.reduced,
        );
        Activation::Relu.forward(plan, &format!("{label} relu"), &narrow, state.reduced, state.hidden);
        self.expand().forward(
            plan,
            &format!("{label} expand"),
            state.hidden,
            parameters.expand_weight,
            Some(parameters.expand_bias),
            linear,
            None,
            state.expanded,
        );
        self.gate().forward(plan, &format!("{label} gate"), &wide, state.expanded, state.gate);
        self.scale(plan, label, input, state.gate, output);
        state
    }

    /// Appends the forward pass with the activations fused into the products, as inference wants it.
    pub fn infer(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        parameters: &SqueezeExciteParameters,
        output: Tensor,
    ) {
        let pooled = plan.transient(format!("{label} pooled"), self.wide().bytes());
        let hidden = plan.transient(format!("{label} hidden"), self.narrow().bytes());
        let gate = plan.transient(format!("{label} gate"), self.wide().bytes());
        GlobalPool { input: self.shape }.forward(plan, &format!("{label} pool"), input, pooled);
        let reduce = (parameters.reduce_weight, Some(parameters.reduce_bias));
        let expand = (parameters.expand_weight, Some(parameters.expand_bias));
        let name = format!("{label} reduce");
        self.reduce().forward(plan, &name, pooled, reduce.0, reduce.1, Activation::Relu, None, hidden);
        let name = format!("{label} expand");
        self.expand().forward(plan, &name, hidden, expand.0, expand.1, self.gate(), None, gate);
        self.scale(plan, label, input, gate, output);
    }

    fn scale(&self, plan: &mut PlanBuilder, label: &str, input: Tensor, gate: Tensor, output: Tensor) {
        plan.dispatch(
            Dispatch::new(&kernels::SQUEEZE_EXCITE_SCALE, format!("{label} scale"))
                .bind("input", input)
                .bind("gate", gate)
                .bind("output", output)
                .params(&Broadcast::of(&self.shape))
                .threads(self.shape.vectors() as u64)
                .cost(0, 2 * self.shape.bytes()),
        );
    }

    /// Appends the backward pass: the gradients of the four parameters and of the input.
    #[expect(clippy::too_many_arguments, reason = "the operands of one backward pass")]
    pub fn backward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        parameters: &SqueezeExciteParameters,
        state: &SqueezeExciteState,
        output_gradient: Tensor,
        gradients: &SqueezeExciteParameters,
        input_gradient: Tensor,
    ) {
        let (wide, narrow) = (self.wide(), self.narrow());
        let gate_gradient = plan.transient(format!("{label} gate gradient"), wide.bytes());
        let expanded_gradient = plan.transient(format!("{label} expanded gradient"), wide.bytes());
        let hidden_gradient = plan.transient(format!("{label} hidden gradient"), narrow.bytes());
        let reduced_gradient = plan.transient(format!("{label} reduced gradient"), narrow.bytes());
        let pooled_gradient = plan.transient(format!("{label} pooled gradient"), wide.bytes());
        let columns = Columns::images(self.shape.batch, self.shape.pixels(), self.shape.groups());
        plan.dispatch(
            Dispatch::new(&kernels::SQUEEZE_EXCITE_GATE_GRADIENT, format!("{label} gate gradient"))
                .bind("input", input)
                .bind("output_gradient", output_gradient)
                .bind("gate_gradient", gate_gradient)
                .params(&columns)
                .groups(columns.workgroups())
                .cost(0, 2 * self.shape.bytes()),
        );
        let name = format!("{label} gate");
        self.gate().backward(plan, &name, &wide, state.expanded, gate_gradient, expanded_gradient);
        let name = format!("{label} expand");
        let expand = self.expand();
        expand.bias_gradient(plan, &name, expanded_gradient, gradients.expand_bias);
        expand.weight_gradient(plan, &name, state.hidden, expanded_gradient, gradients.expand_weight);
        expand.data_gradient(plan, &name, expanded_gradient, parameters.expand_weight, None, hidden_gradient);
        let name = format!("{label} relu");
        Activation::Relu.backward(plan, &name, &narrow, state.reduced, hidden_gradient, reduced_gradient);
        let name = format!("{label} reduce");
        let reduce = self.reduce();
        reduce.bias_gradient(plan, &name, reduced_gradient, gradients.reduce_bias);
        reduce.weight_gradient(plan, &name, state.pooled, reduced_gradient, gradients.reduce_weight);
        reduce.data_gradient(plan, &name, reduced_gradient, parameters.reduce_weight, None, pooled_gradient);
        plan.dispatch(
            Dispatch::new(&kernels::SQUEEZE_EXCITE_DATA_GRADIENT, format!("{label} data gradient"))
                .bind("output_gradient", output_gradient)
                .bind("gate", state.gate)
                .bind("pool_gradient", pooled_gradient)
                .bind("input_gradient", input_gradient)
                .params(&Broadcast::of(&self.shape))
                .threads(self.shape.vectors() as u64)
                .cost(0, 2 * self.shape.bytes()),
        );
    }
}
