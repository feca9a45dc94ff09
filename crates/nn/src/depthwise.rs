//! Depthwise convolutions, 3x3 and 5x5, stride 1 and 2.

use crate::operand::pass;
use crate::residual::fill;
use crate::slabs::sum_slabs;
use crate::walk::Walk;
use crate::{
    Activation, Behind, Geometry, GradientOperand, Operand, OutputGradient, Padding, Shape, Slabs, Target,
};
use photonet_gpu::{DeviceClass, Dispatch, Kernel, PlanBuilder, Tensor, kernels};

/// A depthwise convolution: every channel has a filter of its own.
///
/// Weights are `[kernel][kernel][channels]`, channels padded to a multiple of 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depthwise {
    geometry: Geometry,
}

impl Depthwise {
    /// A depthwise convolution over `input`.
    ///
    /// Returns `None` for a kernel other than 3 or 5 or a stride other than 1 or 2: those have no shader.
    pub fn new(input: Shape, kernel: usize, stride: usize, padding: Padding) -> Option<Self> {
        let geometry = Geometry { input, outputs: input.channels, kernel, stride, padding };
        (matches!(kernel, 3 | 5) && matches!(stride, 1 | 2)).then_some(Self { geometry })
    }

    /// Sizes and padding.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Shape of the output.
    pub fn output(&self) -> Shape {
        self.geometry.output()
    }

    /// Multiply-accumulates of one pass.
    pub fn macs(&self) -> u64 {
        (self.output().rows() * self.geometry.input.channels * self.geometry.kernel * self.geometry.kernel)
            as u64
    }

    /// Size of the weights in bytes, padding included.
    pub fn weight_bytes(&self) -> u64 {
        (self.geometry.kernel * self.geometry.kernel * self.geometry.input.groups()) as u64 * 16
    }

    fn pick(&self, [k3s1, k3s2, k5s1, k5s2]: [&'static Kernel; 4]) -> &'static Kernel {
        match (self.geometry.kernel, self.geometry.stride) {
            (3, 1) => k3s1,
            (3, _) => k3s2,
            (_, 1) => k5s1,
            _ => k5s2,
        }
    }

    /// Appends `output = activate(input * weights + bias)`.
    #[expect(clippy::too_many_arguments, reason = "the operands of one fused convolution")]
    pub fn forward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: impl Into<Operand>,
        weights: Tensor,
        bias: Option<Tensor>,
        activation: Activation,
        output: Tensor,
    ) {
        let shape = self.output();
        let input: Operand = input.into();
        if plan.quick_start() && input.norm.is_none() {
            self.forward_any(plan, label, input.tensor, weights, bias, activation, output);
            return;
        }
        let (tall, question) = self.height(plan, &pass("forward", output, weights), &shape);
        let dispatch = Dispatch::new(self.forward_kernel(tall), format!("{label} forward"))
            .constant("HAS_BIAS", bias.is_some())
            .bind("weights", weights)
            .bind_or("bias", bias, weights)
            .bind("output", output)
            .params(&self.geometry.params(0).activated(activation))
            .threads(tile_threads(&shape, tall, 4))
            .answers(question)
            .cost(self.macs(), input.tensor.bytes() + weights.bytes() + output.bytes());
        plan.dispatch(input.bind(dispatch));
    }

    /// [`Depthwise::forward`] by the one kernel for all sizes and strides.
    #[expect(clippy::too_many_arguments, reason = "the operands of one fused convolution")]
    fn forward_any(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        weights: Tensor,
        bias: Option<Tensor>,
        activation: Activation,
        output: Tensor,
    ) {
        plan.dispatch(
            Dispatch::new(&kernels::DEPTHWISE_FORWARD_ANY, format!("{label} forward"))
                .constant("HAS_BIAS", bias.is_some())
                .bind("input", input)
                .bind("weights", weights)
                .bind_or("bias", bias, weights)
                .bind("output", output)
                .params(&self.geometry.params(0).activated(activation))
                .threads(tile_threads(&self.output(), 1, 4))
                .cost(self.macs(), input.bytes() + weights.bytes() + output.bytes()),
        );
    }

    /// Appends `output = input * weights` for a batch normalisation behind it; returns the statistics of the output where
    /// the kernel leaves them.
    pub fn forward_for_norm(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Operand,
        weights: Tensor,
        output: Tensor,
    ) -> Option<Slabs> {
        let shape = self.output();
        let Some(walk) = Walk::new(plan.class(), &shape, shape.width.div_ceil(4)) else {
            self.forward(plan, label, input, weights, None, Activation::Identity, output);
            return None;
        };
        let kernel = self.pick([
            &kernels::DEPTHWISE_FORWARD_STATISTICS_K3S1,
            &kernels::DEPTHWISE_FORWARD_STATISTICS_K3S2,
            &kernels::DEPTHWISE_FORWARD_STATISTICS_K5S1,
            &kernels::DEPTHWISE_FORWARD_STATISTICS_K5S2,
        ]);
        let slabs = walk.new_slabs(plan, format!("{label} statistics slabs"), &shape);
        let dispatch = Dispatch::new(kernel, format!("{label} forward"))
            .bind("weights", weights)
            .bind("output", output)
            .bind("partial", slabs.partial)
            .params(&walk.params(&self.geometry.input, &shape, self.geometry.padding_before()))
            .cost(
                self.macs(),
                input.tensor.bytes() + weights.bytes() + output.bytes() + slabs.partial.bytes(),
            );
        plan.dispatch(input.bind(walk.launch(dispatch)));
        Some(slabs)
    }

    /// Rows of outputs that an invocation of the forward kernel makes, and the question that this answers.
    fn height(&self, plan: &mut PlanBuilder, pass: &str, output: &Shape) -> (usize, String) {
        let Geometry { kernel, stride, .. } = self.geometry;
        let Shape { batch, height, width, channels } = *output;
        let question = format!("depthwise/{pass} k{kernel}s{stride} {batch}x{height}x{width}x{channels}");
        let default = tall(plan.class());
        (plan.choose(&question, 2, default - 1) + 1, question)
    }

    fn forward_kernel(&self, tall: usize) -> &'static Kernel {
        match tall {
            1 => self.pick([
                &kernels::DEPTHWISE_FORWARD_K3S1,
                &kernels::DEPTHWISE_FORWARD_K3S2,
                &kernels::DEPTHWISE_FORWARD_K5S1,
                &kernels::DEPTHWISE_FORWARD_K5S2,
            ]),
            _ => self.pick([
                &kernels::DEPTHWISE_FORWARD_K3S1_TALL,
                &kernels::DEPTHWISE_FORWARD_K3S2_TALL,
                &kernels::DEPTHWISE_FORWARD_K5S1_TALL,
                &kernels::DEPTHWISE_FORWARD_K5S2_TALL,
            ]),
        }
    }

    /// Appends the gradient with respect to the input; returns where it is.
    pub fn data_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        output_gradient: impl Into<GradientOperand>,
        weights: Tensor,
        target: impl Into<Target>,
    ) -> Tensor {
        let output_gradient = output_gradient.into().ready();
        fill(plan, label, &self.geometry.input, target.into(), |plan, to| {
            self.gradient_alone(plan, format!("{label} data gradient"), output_gradient, weights, to);
        })
    }

    fn gradient_alone(
        &self,
        plan: &mut PlanBuilder,
        label: String,
        output_gradient: Tensor,
        weights: Tensor,
        input_gradient: Tensor,
    ) {
        if self.geometry.stride == 1 {
            self.data_gradient_as_forward(plan, label, output_gradient, weights, input_gradient);
            return;
        }
        let kernel = match self.geometry.kernel {
            3 => &kernels::DEPTHWISE_DATA_GRADIENT_K3,
            _ => &kernels::DEPTHWISE_DATA_GRADIENT_K5,
        };
        plan.dispatch(
            Dispatch::new(kernel, label)
                .bind("output_gradient", output_gradient)
                .bind("weights", weights)
                .bind("input_gradient", input_gradient)
                .params(&self.geometry.params(0))
                .threads(self.gather_threads())
                .cost(self.macs(), output_gradient.bytes() + weights.bytes() + input_gradient.bytes()),
        );
    }

    /// How the data gradient's kernel that leaves sums for a normalisation is spread, where there is one for the size.
    fn gradient_walk(&self, class: DeviceClass) -> Option<Walk> {
        let Geometry { input, stride, .. } = self.geometry;
        let (_, pad_x) = self.geometry.padding_before();
        // At stride 2 tiles begin where the padded column is even.
        let tiles = (input.width + (stride - 1) * (pad_x % 2)).div_ceil(4);
        Walk::new(class, &input, tiles)
    }

    /// Whether the backward kernels for this size take their gradient back through a normalisation while they load it.
    pub fn takes_gradients_on_load(&self, class: DeviceClass) -> bool {
        self.gradient_walk(class).is_some()
    }

    /// Appends the data gradient taken back through the activation of the unit `behind` whose output this convolution takes, with
    /// the sums that its normalisation needs, where there is a kernel for it; else the data gradient alone.
    pub fn data_gradient_behind(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        output_gradient: impl Into<GradientOperand>,
        weights: Tensor,
        behind: &Behind,
        target: impl Into<Target>,
    ) -> OutputGradient {
        let (output_gradient, target): (GradientOperand, Target) = (output_gradient.into(), target.into());
        let Geometry { input, kernel, stride, .. } = self.geometry;
        let (pad_y, pad_x) = self.geometry.padding_before();
        let Some(walk) = self.gradient_walk(plan.class()) else {
            return self.data_gradient(plan, label, output_gradient, weights, target).into();
        };
        // At stride 1 the walk is that of a forward convolution, see `data_gradient_as_forward`.
        let params = match stride {
            1 => walk.params(&self.output(), &input, (kernel - 1 - pad_y, kernel - 1 - pad_x)),
            _ => walk.params(&input, &self.output(), (pad_y, pad_x)),
        };
        let of_shape = self.pick([
            &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE1_K3,
            &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE2_K3,
            &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE1_K5,
            &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE2_K5,
        ]);
        let slabs = walk.new_slabs(plan, format!("{label} gradient slabs"), &input);
        let dispatch = walk.launch(Dispatch::new(of_shape, format!("{label} data gradient"))).params(&params);
        behind.append(plan, dispatch, self.macs(), output_gradient, weights, target, slabs)
    }

    /// Invocations of the data gradient at stride 2: tiles of 2 x 4 that begin where the padded row and
    /// column are even.
    fn gather_threads(&self) -> u64 {
        let (pad_y, pad_x) = self.geometry.padding_before();
        let Shape { batch, height, width, channels } = self.geometry.input;
        tile_threads(&Shape::new(batch, height + pad_y % 2, width + pad_x % 2, channels), 2, 4)
    }

    /// At stride 1 the data gradient is the forward convolution with the filter turned around and
    /// the padding that is left over on the other side.
    fn data_gradient_as_forward(
        &self,
        plan: &mut PlanBuilder,
        label: String,
        output_gradient: Tensor,
        weights: Tensor,
        input_gradient: Tensor,
    ) {
        let mut params = self.geometry.params(0);
        std::mem::swap(&mut params.in_height, &mut params.out_height);
        std::mem::swap(&mut params.in_width, &mut params.out_width);
        params.pad_y = params.kernel - 1 - params.pad_y;
        params.pad_x = params.kernel - 1 - params.pad_x;
        let (tall, question) =
            self.height(plan, &pass("data_gradient", input_gradient, weights), &self.geometry.input);
        let dispatch = Dispatch::new(self.forward_kernel(tall), label)
            .constant("HAS_BIAS", false)
            .constant("FLIPPED", true)
            .bind("weights", weights)
            .bind_or("bias", None, weights)
            .bind("output", input_gradient)
            .params(&params)
            .threads(tile_threads(&self.geometry.input, tall, 4))
            .answers(question)
            .cost(self.macs(), output_gradient.bytes() + weights.bytes() + input_gradient.bytes());
        plan.dispatch(Operand::from(output_gradient).bind(dispatch));
    }

    /// Appends the gradient with respect to the weights.
    pub fn weight_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: impl Into<Operand>,
        output_gradient: impl Into<GradientOperand>,
        weight_gradient: Tensor,
    ) {
        let (input, output_gradient): (Operand, GradientOperand) = (input.into(), output_gradient.into());
        let Geometry { kernel, input: shape, .. } = self.geometry;
        let class = plan.class();
        // One row, or all of a 3x3 filter and as many of a 5x5 one as registers hold.
        let rows = match class {
            DeviceClass::Software => 1,
            DeviceClass::Integrated | DeviceClass::Discrete => 3,
        };
        let threads = kernel.div_ceil(rows) * shape.groups();
        let read = input.tensor.bytes() + output_gradient.bytes();
        let slabs = self.geometry.slabs(class, threads, self.weight_bytes(), read);
        let label = format!("{label} weight gradient");
        let partial = match slabs {
            1 => weight_gradient,
            _ => plan.transient(format!("{label} slabs"), self.weight_bytes() * slabs as u64),
        };
        let kernel = match rows {
            1 => self.pick([
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K3S1,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K3S2,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K5S1,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K5S2,
            ]),
            _ => self.pick([
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K3S1_ROWS,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K3S2_ROWS,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K5S1_ROWS,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K5S2_ROWS,
            ]),
        };
        let dispatch = Dispatch::new(kernel, label.clone())
            .bind("partial", partial)
            .params(&self.geometry.params(slabs as u32))
            .threads((threads * slabs) as u64)
            .cost(self.macs(), read + self.weight_bytes() * slabs as u64);
        plan.dispatch(output_gradient.bind(input.bind(dispatch)));
        if slabs > 1 {
            sum_slabs(plan, &label, slabs, self.weight_bytes(), partial, weight_gradient);
        }
    }
}

/// Rows of outputs that an invocation of the forward kernel makes. A software device has few processors
/// to keep busy, and every load that is saved counts.
fn tall(class: DeviceClass) -> usize {
    match class {
        DeviceClass::Software => 2,
        DeviceClass::Discrete | DeviceClass::Integrated => 1,
    }
}

/// One invocation for each tile of `rows` x `columns` positions of a channel group.
fn tile_threads(shape: &Shape, rows: usize, columns: usize) -> u64 {
    (shape.batch * shape.height.div_ceil(rows) * shape.width.div_ceil(columns) * shape.groups()) as u64
}
