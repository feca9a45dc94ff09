//! Squeeze-and-excitation: pool, two small products, a gate for every channel of every image.

use crate::columns::Columns;
use crate::{
    Activation, Behind, Fused, Gate, GlobalPool, Operand, OutputGradient, Pointwise, ProductGradients, Shape,
    SlabSums,
};
use photonet_gpu::{DeviceClass, Dispatch, PlanBuilder, SUBGROUP, Tensor, kernels};

/// Images from which on a GPU makes their gates as products, which load weights once for many.
const MANY_IMAGES: usize = 16;

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
        let hidden = if self.through_storage(plan) {
            self.gate_in_storage(plan, label, pooled, 1, parameters, factors)
        } else {
            self.gate_in_two(plan, label, pooled, parameters, factors)
        };
        let gate = Gate { factors, rows_per_image: self.shape.pixels() };
        SqueezeExciteState { pooled, hidden, gate }
    }

    /// Appends what inference needs: the gate, `[batch][channels]`, which the next product applies as it loads its
    /// input.
    ///
    /// One launch for small images and two for larger ones, whose pooling needs more than one workgroup; for many images the pool and two
    /// products.
    pub fn infer(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        parameters: &SqueezeExciteParameters,
        factors: Tensor,
    ) -> Gate {
        let pixels = self.shape.pixels();
        let through_storage = self.through_storage(plan);
        let one_launch = through_storage || (plan.class() != DeviceClass::Software && self.fits_one_launch());
        let (mut rows, mut source) = (pixels, input);
        if pixels > POOLED_IN_GATE || !one_launch {
            source = plan.transient(format!("{label} pooled"), self.wide().bytes());
            GlobalPool { input: self.shape }.forward(plan, &format!("{label} pool"), input, source);
            rows = 1;
        }
        if through_storage {
            self.gate_in_storage(plan, label, source, rows, parameters, factors);
        } else if one_launch {
            let dispatch = Dispatch::new(&kernels::SQUEEZE_EXCITE_GATE_LOCAL_ONE, format!("{label} gate"))
                .groups(self.shape.batch as u64);
            self.gate_in_one(plan, dispatch, source, rows, parameters, factors, (0, 0));
        } else {
            self.gate_in_two(plan, label, source, parameters, factors);
        }
        Gate { factors, rows_per_image: pixels }
    }

    /// Whether a GPU makes the gate in one launch: each image has one workgroup, which must have the memory, and loads all weights.
    fn fits_one_launch(&self) -> bool {
        self.shape.batch < MANY_IMAGES && self.wide().groups() + self.narrow().groups() + LANES <= 1024
    }

    /// Appends the gate as two products; returns the hidden values.
    fn gate_in_two(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        pooled: Tensor,
        parameters: &SqueezeExciteParameters,
        factors: Tensor,
    ) -> Tensor {
        let hidden = plan.transient(format!("{label} hidden"), self.narrow().bytes());
        let with = |bias, activation| Fused { bias: Some(bias), activation, ..Fused::default() };
        let fused = with(parameters.reduce_bias, Activation::Relu);
        let name = format!("{label} reduce");
        self.reduce().forward(plan, &name, pooled, parameters.reduce_weight, &fused, hidden);
        let fused = with(parameters.expand_bias, self.gate());
        let name = format!("{label} expand");
        self.expand().forward(plan, &name, hidden, parameters.expand_weight, &fused, factors);
        hidden
    }

    /// Appends the gate of the means over the `rows` rows of an image of `input`, in one launch, of which `dispatch` has the
    /// kernel and where its invocations meet.
    #[expect(clippy::too_many_arguments, reason = "the operands of one fused pass")]
    fn gate_in_one(
        &self,
        plan: &mut PlanBuilder,
        dispatch: Dispatch,
        input: Tensor,
        rows: usize,
        parameters: &SqueezeExciteParameters,
        factors: Tensor,
        (hidden_at, pieces_at): (usize, usize),
    ) {
        let SqueezeExciteParameters { reduce_weight, expand_weight, .. } = *parameters;
        let traffic = input.bytes() + reduce_weight.bytes() + expand_weight.bytes();
        let (channels, hidden) = (self.wide().groups(), self.narrow().groups());
        let sizes = [self.shape.batch, rows, channels, hidden, hidden_at, pieces_at, 0, 0];
        let dispatch = dispatch
            .bind("input", input)
            .bind("reduce_weight", reduce_weight)
            .bind("reduce_bias", parameters.reduce_bias)
            .bind("expand_weight", expand_weight)
            .bind("expand_bias", parameters.expand_bias)
            .bind("gate", factors)
            .params(&sizes.map(|size| size as u32))
            .cost(self.macs(), traffic);
        plan.dispatch(self.gate().configure(dispatch));
    }

    /// Appends the gate in one launch whose invocations meet in storage, as software devices do it for few images or without subgroups; returns the hidden values.
    fn gate_in_storage(
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
        let (images, kernel) = match self.images_at_once() {
            1 => (1, &kernels::SQUEEZE_EXCITE_GATE_ONE),
            images => (images, &kernels::SQUEEZE_EXCITE_GATE_FOUR),
        };
        let dispatch = Dispatch::new(kernel, format!("{label} gate"))
            .bind("scratch", scratch)
            .groups(self.shape.batch.div_ceil(images) as u64);
        self.gate_in_one(plan, dispatch, input, rows, parameters, factors, (hidden_at, pieces_at));
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
        sums: &mut SlabSums,
    ) -> OutputGradient {
        let gate_gradient = plan.transient(format!("{label} gate gradient"), self.wide().bytes());
        let columns = Columns::images(self.shape.batch, self.shape.pixels(), self.shape.groups());
        let dispatch =
            Dispatch::new(&kernels::SQUEEZE_EXCITE_GATE_GRADIENT, format!("{label} gate gradient"))
                .bind("output_gradient", output_gradient)
                .bind("gate", state.gate.factors)
                .bind("gate_gradient", gate_gradient)
                .constant("SLOPE", self.slope)
                .cost(0, input.tensor.bytes() + output_gradient.bytes());
        let dispatch = columns.launch(plan.class(), dispatch);
        plan.dispatch(input.bind(dispatch));
        let [reduced, pooled] = if self.through_storage(plan) {
            self.gate_backward(plan, label, parameters, state, gate_gradient)
        } else {
            self.gate_backward_in_two(plan, label, parameters, state, gate_gradient)
        };
        let name = format!("{label} expand");
        let expand = self.expand();
        let of = ProductGradients { weight: gradients.expand_weight, bias: Some(gradients.expand_bias) };
        expand.weight_gradient(plan, &name, state.hidden, None, gate_gradient, of, sums);
        let name = format!("{label} reduce");
        let reduce = self.reduce();
        let of = ProductGradients { weight: gradients.reduce_weight, bias: Some(gradients.reduce_bias) };
        reduce.weight_gradient(plan, &name, state.pooled, None, reduced, of, sums);
        let dispatch =
            Dispatch::new(&kernels::SQUEEZE_EXCITE_DATA_GRADIENT_ONE, format!("{label} data gradient"))
                .bind("output_gradient", output_gradient)
                .bind("gate", state.gate.factors)
                .bind("pool_gradient", pooled);
        behind.append_over_images(plan, label, dispatch, &self.shape, output_gradient.bytes(), input_gradient)
    }

    /// Whether gates are made in one launch each way, as software devices do it: workgroup memory is what costs time there. Where subgroups
    /// make products, of as many rows as a subgroup has invocations or more, two products take a third of the time.
    fn through_storage(&self, plan: &PlanBuilder) -> bool {
        let products = plan.subgroups() && self.shape.batch >= SUBGROUP as usize;
        plan.class() == DeviceClass::Software && !products
    }

    /// Images whose gate one workgroup of a software device makes, which saves loading the weights again.
    fn images_at_once(&self) -> usize {
        if self.shape.batch >= 4 { 4 } else { 1 }
    }

    /// Appends the way back from the gate to the gradients behind the ReLU and of the pooled values, as two products.
    fn gate_backward_in_two(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        parameters: &SqueezeExciteParameters,
        state: &SqueezeExciteState,
        gate_gradient: Tensor,
    ) -> [Tensor; 2] {
        let narrow = self.narrow();
        let reduced = plan.transient(format!("{label} reduced gradient"), narrow.bytes());
        let pooled = plan.transient(format!("{label} pooled gradient"), self.wide().bytes());
        let (expand, reduce) = (format!("{label} expand"), format!("{label} reduce"));
        let weight = parameters.expand_weight;
        self.expand().rectified_data_gradient(plan, &expand, gate_gradient, weight, state.hidden, reduced);
        self.reduce().data_gradient(plan, &reduce, reduced, parameters.reduce_weight, pooled);
        [reduced, pooled]
    }

    /// The same in one launch.
    fn gate_backward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        parameters: &SqueezeExciteParameters,
        state: &SqueezeExciteState,
        gate_gradient: Tensor,
    ) -> [Tensor; 2] {
        let (wide, narrow) = (self.wide(), self.narrow());
        let mut parts = Parts::default();
        let (_, reduced) = parts.next(narrow.vectors());
        let (pooled_at, pooled) = parts.next(wide.vectors());
        let (pieces_at, _) = parts.next(self.shape.batch * LANES);
        let scratch = plan.transient(format!("{label} gate backward"), parts.bytes());
        let SqueezeExciteParameters { reduce_weight, expand_weight, .. } = *parameters;
        let (images, kernel) = match self.images_at_once() {
            1 => (1, &kernels::SQUEEZE_EXCITE_GATE_BACKWARD_ONE),
            images => (images, &kernels::SQUEEZE_EXCITE_GATE_BACKWARD_FOUR),
        };
        let sizes = [self.shape.batch, wide.groups(), narrow.groups(), pooled_at, pieces_at, 0, 0, 0];
        plan.dispatch(
            Dispatch::new(kernel, format!("{label} gate backward"))
                .bind("gate_gradient", gate_gradient)
                .bind("hidden", state.hidden)
                .bind("reduce_weight", reduce_weight)
                .bind("expand_weight", expand_weight)
                .bind("scratch", scratch)
                .params(&sizes.map(|size| size as u32))
                .groups(self.shape.batch.div_ceil(images) as u64)
                .cost(self.macs(), scratch.bytes() + reduce_weight.bytes() + expand_weight.bytes()),
        );
        [reduced.of(scratch), pooled.of(scratch)]
    }
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
