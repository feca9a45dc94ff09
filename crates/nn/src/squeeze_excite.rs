//! Squeeze-and-excitation: pool, two small products, a gate for every channel of every image.

use crate::columns::Columns;
use crate::{Activation, Behind, Fused, Gate, GlobalPool, Operand, OutputGradient, Pointwise, Shape, Slabs};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// Positions of an image up to which the gate's own launch pools them: one workgroup reads them all.
const POOLED_IN_GATE: usize = 256;

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

impl SqueezeExciteParameters {
    /// The four tensors, by the names that they have in a model.
    pub fn by_name(of: impl Fn(&str) -> Tensor) -> Self {
        Self {
            reduce_weight: of("reduce.weight"),
            reduce_bias: of("reduce.bias"),
            expand_weight: of("expand.weight"),
            expand_bias: of("expand.bias"),
        }
    }
}

/// What the forward pass leaves for the backward pass; all are `[batch][channels]` or `[batch][hidden]`.
#[derive(Clone, Copy, Debug)]
pub struct SqueezeExciteState {
    pooled: Tensor,
    reduced: Tensor,
    hidden: Tensor,
    expanded: Tensor,
    /// The factors.
    pub gate: Gate,
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

    /// Appends the forward pass up to the gate, keeping what backward needs; the product behind it applies the
    /// [`gate`](SqueezeExciteState::gate) as it loads the same input.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Operand,
        parameters: &SqueezeExciteParameters,
    ) -> SqueezeExciteState {
        let wide = self.wide();
        let narrow = self.narrow();
        let state = SqueezeExciteState {
            pooled: plan.transient(format!("{label} pooled"), wide.bytes()),
            reduced: plan.transient(format!("{label} reduced"), narrow.bytes()),
            hidden: plan.transient(format!("{label} hidden"), narrow.bytes()),
            expanded: plan.transient(format!("{label} expanded"), wide.bytes()),
            gate: Gate {
                factors: plan.transient(format!("{label} gate"), wide.bytes()),
                rows_per_image: self.shape.pixels(),
            },
        };
        GlobalPool { input: self.shape }.forward(plan, &format!("{label} pool"), input, state.pooled);
        let with = |bias| Fused { bias: Some(bias), ..Fused::default() };
        self.reduce().forward(
            plan,
            &format!("{label} reduce"),
            state.pooled,
            parameters.reduce_weight,
            &with(parameters.reduce_bias),
            state.reduced,
        );
        Activation::Relu.forward(plan, &format!("{label} relu"), &narrow, state.reduced, state.hidden);
        self.expand().forward(
            plan,
            &format!("{label} expand"),
            state.hidden,
            parameters.expand_weight,
            &with(parameters.expand_bias),
            state.expanded,
        );
        self.gate().forward(plan, &format!("{label} gate"), &wide, state.expanded, state.gate.factors);
        state
    }

    /// Appends what inference needs: the gate, `[batch][channels]`, which the next product applies as it loads its
    /// input.
    ///
    /// One launch for small images and two for larger ones, whose pooling needs more than one workgroup.
    pub fn infer(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        parameters: &SqueezeExciteParameters,
        factors: Tensor,
    ) -> Gate {
        let mut rows = self.shape.pixels();
        let mut source = input;
        if rows > POOLED_IN_GATE || !self.fits_one_launch() {
            source = plan.transient(format!("{label} pooled"), self.wide().bytes());
            GlobalPool { input: self.shape }.forward(plan, &format!("{label} pool"), input, source);
            rows = 1;
        }
        if self.fits_one_launch() {
            self.gate_in_one(plan, label, source, rows, parameters, factors);
        } else {
            self.gate_in_two(plan, label, source, parameters, factors);
        }
        Gate { factors, rows_per_image: self.shape.pixels() }
    }

    /// Whether a workgroup of `squeeze_excite/gate` is enough: an invocation takes one group of the hidden channels, and
    /// at most two of the others.
    fn fits_one_launch(&self) -> bool {
        self.wide().groups() <= 512 && self.narrow().groups() <= 256
    }

    fn gate_in_one(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        rows: usize,
        parameters: &SqueezeExciteParameters,
        factors: Tensor,
    ) {
        let (channels, hidden) = (self.wide().groups(), self.narrow().groups());
        let scratch_bytes = (self.shape.batch * (channels + 256 + hidden) * 16) as u64;
        let scratch = plan.transient(format!("{label} scratch"), scratch_bytes);
        let SqueezeExciteParameters { reduce_weight, expand_weight, .. } = *parameters;
        let traffic = input.bytes() + reduce_weight.bytes() + expand_weight.bytes();
        let dispatch = Dispatch::new(&kernels::SQUEEZE_EXCITE_GATE, format!("{label} gate"))
            .bind("input", input)
            .bind("reduce_weight", reduce_weight)
            .bind("reduce_bias", parameters.reduce_bias)
            .bind("expand_weight", expand_weight)
            .bind("expand_bias", parameters.expand_bias)
            .bind("gate", factors)
            .bind("scratch", scratch)
            .params(&[self.shape.batch, rows, channels, hidden].map(|size| size as u32))
            .groups(self.shape.batch as u64)
            .cost(self.macs(), traffic);
        plan.dispatch(self.gate().configure(dispatch));
    }

    fn gate_in_two(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        pooled: Tensor,
        parameters: &SqueezeExciteParameters,
        factors: Tensor,
    ) {
        let hidden = plan.transient(format!("{label} hidden"), self.narrow().bytes());
        let with = |bias, activation| Fused { bias: Some(bias), activation, ..Fused::default() };
        let fused = with(parameters.reduce_bias, Activation::Relu);
        let name = format!("{label} reduce");
        self.reduce().forward(plan, &name, pooled, parameters.reduce_weight, &fused, hidden);
        let fused = with(parameters.expand_bias, self.gate());
        let name = format!("{label} expand");
        self.expand().forward(plan, &name, hidden, parameters.expand_weight, &fused, factors);
    }

    /// Appends the backward pass: the gradients of the four parameters and of the input, the latter taken back through
    /// the activation of the unit `behind` that makes the input, with the sums that its normalisation needs.
    #[expect(clippy::too_many_arguments, reason = "the operands of one backward pass")]
    pub fn backward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Operand,
        parameters: &SqueezeExciteParameters,
        state: &SqueezeExciteState,
        output_gradient: Tensor,
        gradients: &SqueezeExciteParameters,
        behind: &Behind,
        input_gradient: Tensor,
    ) -> OutputGradient {
        let (wide, narrow) = (self.wide(), self.narrow());
        let gate_gradient = plan.transient(format!("{label} gate gradient"), wide.bytes());
        let expanded_gradient = plan.transient(format!("{label} expanded gradient"), wide.bytes());
        let hidden_gradient = plan.transient(format!("{label} hidden gradient"), narrow.bytes());
        let reduced_gradient = plan.transient(format!("{label} reduced gradient"), narrow.bytes());
        let pooled_gradient = plan.transient(format!("{label} pooled gradient"), wide.bytes());
        let columns = Columns::images(self.shape.batch, self.shape.pixels(), self.shape.groups());
        let dispatch =
            Dispatch::new(&kernels::SQUEEZE_EXCITE_GATE_GRADIENT, format!("{label} gate gradient"))
                .bind("output_gradient", output_gradient)
                .bind("gate_gradient", gate_gradient)
                .cost(0, input.tensor.bytes() + output_gradient.bytes());
        let dispatch = columns.launch(plan.class(), dispatch);
        plan.dispatch(input.bind(dispatch));
        let name = format!("{label} gate");
        self.gate().backward(plan, &name, &wide, state.expanded, gate_gradient, expanded_gradient);
        let name = format!("{label} expand");
        let expand = self.expand();
        expand.bias_gradient(plan, &name, expanded_gradient, gradients.expand_bias);
        expand.weight_gradient(plan, &name, state.hidden, None, expanded_gradient, gradients.expand_weight);
        expand.data_gradient(plan, &name, expanded_gradient, parameters.expand_weight, hidden_gradient);
        let name = format!("{label} relu");
        Activation::Relu.backward(plan, &name, &narrow, state.reduced, hidden_gradient, reduced_gradient);
        let name = format!("{label} reduce");
        let reduce = self.reduce();
        reduce.bias_gradient(plan, &name, reduced_gradient, gradients.reduce_bias);
        reduce.weight_gradient(plan, &name, state.pooled, None, reduced_gradient, gradients.reduce_weight);
        reduce.data_gradient(plan, &name, reduced_gradient, parameters.reduce_weight, pooled_gradient);
        let columns = Columns::slabs(plan.class(), self.shape.rows(), self.shape.groups(), 64);
        let slabs = Slabs::of(plan, format!("{label} gradient slabs"), &columns);
        let dispatch =
            Dispatch::new(&kernels::SQUEEZE_EXCITE_DATA_GRADIENT, format!("{label} data gradient"))
                .bind("output_gradient", output_gradient)
                .bind("gate", state.gate.factors)
                .bind("pool_gradient", pooled_gradient)
                .bind("raw", behind.raw)
                .bind("moments", behind.norm.moments)
                .bind("input_gradient", input_gradient)
                .bind("partial", slabs.partial)
                .params(&DataGradientParams {
                    columns,
                    rows_per_image: self.shape.pixels() as u32,
                    unused: [0; 3],
                })
                .groups(columns.workgroups())
                .cost(
                    0,
                    output_gradient.bytes()
                        + behind.raw.bytes()
                        + input_gradient.bytes()
                        + slabs.partial.bytes(),
                );
        plan.dispatch(behind.norm.activation.configure(dispatch));
        OutputGradient { tensor: input_gradient, sums: Some(slabs) }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct DataGradientParams {
    columns: Columns,
    rows_per_image: u32,
    unused: [u32; 3],
}
