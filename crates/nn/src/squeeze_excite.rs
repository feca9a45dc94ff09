//! Squeeze-and-excitation: pool, two small products, a gate for every channel of every image.

use crate::columns::Columns;
use crate::{Activation, Behind, Gate, GlobalPool, Operand, OutputGradient, Pointwise, Shape};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{DeviceClass, Dispatch, PlanBuilder, Tensor, kernels};

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
    hidden: Tensor,
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
        let pooled = plan.transient(format!("{label} pooled"), self.wide().bytes());
        let factors = plan.transient(format!("{label} gate"), self.wide().bytes());
        GlobalPool { input: self.shape }.forward(plan, &format!("{label} pool"), input, pooled);
        let hidden = self.gate_of(plan, label, pooled, 1, parameters, factors);
        let gate = Gate { factors, rows_per_image: self.shape.pixels() };
        SqueezeExciteState { pooled, hidden, gate }
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
        let pixels = self.shape.pixels();
        let (mut rows, mut source) = (pixels, input);
        if pixels > POOLED_IN_GATE {
            source = plan.transient(format!("{label} pooled"), self.wide().bytes());
            GlobalPool { input: self.shape }.forward(plan, &format!("{label} pool"), input, source);
            rows = 1;
        }
        self.gate_of(plan, label, source, rows, parameters, factors);
        Gate { factors, rows_per_image: pixels }
    }

    /// Appends the gate of the means over the `rows` rows of an image of `input`; returns the hidden values.
    fn gate_of(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        rows: usize,
        parameters: &SqueezeExciteParameters,
        factors: Tensor,
    ) -> Tensor {
        let (wide, narrow) = (self.wide(), self.narrow());
        let mut parts = Parts::default();
        parts.next(wide.vectors());
        let (hidden_at, hidden) = parts.next(narrow.vectors());
        let (pieces_at, _) = parts.next(self.shape.batch * LANES);
        let scratch = plan.transient(format!("{label} scratch"), parts.bytes());
        let SqueezeExciteParameters { reduce_weight, expand_weight, .. } = *parameters;
        let traffic = input.bytes() + reduce_weight.bytes() + expand_weight.bytes();
        let sizes = [self.shape.batch, rows, wide.groups(), narrow.groups(), hidden_at, pieces_at, 0, 0];
        let (images, kernel) = match self.images_at_once(plan.class()) {
            1 => (1, &kernels::SQUEEZE_EXCITE_GATE_ONE),
            images => (images, &kernels::SQUEEZE_EXCITE_GATE_FOUR),
        };
        let dispatch = Dispatch::new(kernel, format!("{label} gate"))
            .bind("input", input)
            .bind("reduce_weight", reduce_weight)
            .bind("reduce_bias", parameters.reduce_bias)
            .bind("expand_weight", expand_weight)
            .bind("expand_bias", parameters.expand_bias)
            .bind("gate", factors)
            .bind("scratch", scratch)
            .params(&sizes.map(|size| size as u32))
            .groups(self.shape.batch.div_ceil(images) as u64)
            .cost(self.macs(), traffic);
        plan.dispatch(self.gate().configure(dispatch));
        hidden.of(scratch)
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
        let gate_gradient = plan.transient(format!("{label} gate gradient"), self.wide().bytes());
        let columns = Columns::images(self.shape.batch, self.shape.pixels(), self.shape.groups());
        let dispatch =
            Dispatch::new(&kernels::SQUEEZE_EXCITE_GATE_GRADIENT, format!("{label} gate gradient"))
                .bind("output_gradient", output_gradient)
                .bind("gate_gradient", gate_gradient)
                .cost(0, input.tensor.bytes() + output_gradient.bytes());
        let dispatch = columns.launch(plan.class(), dispatch);
        plan.dispatch(input.bind(dispatch));
        let Back { expanded, reduced, pooled } =
            self.gate_backward(plan, label, parameters, state, gate_gradient);
        let name = format!("{label} expand");
        let expand = self.expand();
        expand.bias_gradient(plan, &name, expanded, gradients.expand_bias);
        expand.weight_gradient(plan, &name, state.hidden, None, expanded, gradients.expand_weight);
        let name = format!("{label} reduce");
        let reduce = self.reduce();
        reduce.bias_gradient(plan, &name, reduced, gradients.reduce_bias);
        reduce.weight_gradient(plan, &name, state.pooled, None, reduced, gradients.reduce_weight);
        let dispatch =
            Dispatch::new(&kernels::SQUEEZE_EXCITE_DATA_GRADIENT, format!("{label} data gradient"))
                .bind("output_gradient", output_gradient)
                .bind("gate", state.gate.factors)
                .bind("pool_gradient", pooled);
        behind.append_over_images(plan, label, dispatch, &self.shape, output_gradient.bytes(), input_gradient)
    }

    /// Images whose gate one workgroup makes: a software device saves loading the weights again, a GPU has workgroups to spare.
    fn images_at_once(&self, class: DeviceClass) -> usize {
        match class {
            DeviceClass::Software if self.shape.batch >= 4 => 4,
            _ => 1,
        }
    }

    /// Appends the way back from the gate to the pooled values.
    fn gate_backward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        parameters: &SqueezeExciteParameters,
        state: &SqueezeExciteState,
        gate_gradient: Tensor,
    ) -> Back {
        let (wide, narrow) = (self.wide(), self.narrow());
        let mut parts = Parts::default();
        let (_, expanded) = parts.next(wide.vectors());
        let (reduced_at, reduced) = parts.next(narrow.vectors());
        let (pooled_at, pooled) = parts.next(wide.vectors());
        let (pieces_at, _) = parts.next(self.shape.batch * LANES);
        let scratch = plan.transient(format!("{label} gate backward"), parts.bytes());
        let SqueezeExciteParameters { reduce_weight, expand_weight, .. } = *parameters;
        let (images, kernel) = match self.images_at_once(plan.class()) {
            1 => (1, &kernels::SQUEEZE_EXCITE_GATE_BACKWARD_ONE),
            images => (images, &kernels::SQUEEZE_EXCITE_GATE_BACKWARD_FOUR),
        };
        plan.dispatch(
            Dispatch::new(kernel, format!("{label} gate backward"))
                .bind("gate_gradient", gate_gradient)
                .bind("gate", state.gate.factors)
                .bind("hidden", state.hidden)
                .bind("reduce_weight", reduce_weight)
                .bind("expand_weight", expand_weight)
                .bind("scratch", scratch)
                .params(&BackwardParams {
                    images: self.shape.batch as u32,
                    channels: wide.groups() as u32,
                    hidden: narrow.groups() as u32,
                    reduced_at: reduced_at as u32,
                    pooled_at: pooled_at as u32,
                    pieces_at: pieces_at as u32,
                    slope: self.slope,
                    unused: 0,
                })
                .groups(self.shape.batch.div_ceil(images) as u64)
                .cost(self.macs(), scratch.bytes() + reduce_weight.bytes() + expand_weight.bytes()),
        );
        Back { expanded: expanded.of(scratch), reduced: reduced.of(scratch), pooled: pooled.of(scratch) }
    }
}

/// The gradients between gate and pooled values.
struct Back {
    /// Before the gate's activation, `[batch][channels]`.
    expanded: Tensor,
    /// Before the ReLU, `[batch][hidden]`.
    reduced: Tensor,
    /// `[batch][channels]`.
    pooled: Tensor,
}

/// Invocations of a workgroup that makes a gate, see `shaders/shared/gate_columns.wgsl`.
const LANES: usize = 256;

/// Parts of a tensor that can be bound by themselves, one behind the other.
#[derive(Default)]
struct Parts {
    end: usize,
}

impl Parts {
    /// The next part, of `vectors` groups of 4 values: where it begins, in such groups, and what to cut it out with.
    fn next(&mut self, vectors: usize) -> (usize, Part) {
        let start = self.end;
        // A binding begins at a multiple of 256 bytes.
        self.end = (start + vectors).next_multiple_of(16);
        (start, Part { offset: start as u64 * 16, bytes: vectors as u64 * 16 })
    }

    fn bytes(&self) -> u64 {
        self.end as u64 * 16
    }
}

/// A range of bytes.
struct Part {
    offset: u64,
    bytes: u64,
}

impl Part {
    fn of(&self, tensor: Tensor) -> Tensor {
        tensor.slice(self.offset, self.bytes)
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct BackwardParams {
    images: u32,
    channels: u32,
    hidden: u32,
    reduced_at: u32,
    pooled_at: u32,
    pieces_at: u32,
    slope: f32,
    unused: u32,
}
