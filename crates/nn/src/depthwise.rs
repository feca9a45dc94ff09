//! Depthwise convolutions, 3x3 and 5x5, stride 1 and 2.

mod backward;
mod image;
mod on_units;

use crate::convolution::ConvolutionParams;
use crate::operand::pass;
use crate::walk::{Walk, rows_of_block, tile_threads};
use crate::{Activation, Geometry, Operand, Padding, Shape, Slabs};
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
        let way = self.way(plan, &pass("forward", output, weights), &shape);
        let params = self.geometry.params(0).activated(activation);
        let dispatch = self
            .launch_by(way, format!("{label} forward"), params, &shape)
            .constant("HAS_BIAS", bias.is_some())
            .bind("weights", weights)
            .bind_or("bias", bias, weights)
            .bind("output", output)
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

    /// How the kernels that leave statistics for a normalisation are spread, where there are some for the size.
    pub(crate) fn statistics_walks(&self, class: DeviceClass) -> Option<Walks> {
        let shape = self.output();
        let Geometry { kernel, stride, .. } = self.geometry;
        Walks::new(shape.width, |tiles| {
            Walk::depthwise(class, &shape, tiles, kernel, |down| stride * down + kernel - stride)
        })
    }

    /// What is asked of a pass of training.
    fn asked(&self, pass: &str) -> String {
        let Geometry { kernel, stride, input, .. } = self.geometry;
        let [batch, height, width, channels] = [input.batch, input.height, input.width, input.channels];
        format!("depthwise/{pass} k{kernel}s{stride} {batch}x{height}x{width}x{channels}")
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
        let Some(walks) = self.statistics_walks(plan.class()) else {
            self.forward(plan, label, input, weights, None, Activation::Identity, output);
            return None;
        };
        let question = self.asked(&pass("forward_statistics", output, weights));
        let units = self.forward_image_on_units(plan, input);
        let maker = Maker::chosen(plan, &question, units);
        let kernel = match maker {
            Maker::Units => {
                return Some(self.forward_of_image(plan, label, question, input, weights, output));
            }
            Maker::Few => self.pick([
                &kernels::DEPTHWISE_FORWARD_STATISTICS_K3S1_FEW,
                &kernels::DEPTHWISE_FORWARD_STATISTICS_K3S2_FEW,
                &kernels::DEPTHWISE_FORWARD_STATISTICS_K5S1_FEW,
                &kernels::DEPTHWISE_FORWARD_STATISTICS_K5S2_FEW,
            ]),
            Maker::Many => self.pick([
                &kernels::DEPTHWISE_FORWARD_STATISTICS_K3S1,
                &kernels::DEPTHWISE_FORWARD_STATISTICS_K3S2,
                &kernels::DEPTHWISE_FORWARD_STATISTICS_K5S1,
                &kernels::DEPTHWISE_FORWARD_STATISTICS_K5S2,
            ]),
        };
        let walk = walks.of(maker);
        let slabs = walk.new_slabs(plan, format!("{label} statistics slabs"), &shape);
        let dispatch = Dispatch::new(kernel, format!("{label} forward"))
            .bind("weights", weights)
            .bind("output", output)
            .bind("partial", slabs.partial)
            .params(&walk.params(&self.geometry.input, &shape, self.geometry.padding_before()))
            .answers(question)
            .cost(
                self.macs(),
                input.tensor.bytes() + weights.bytes() + output.bytes() + slabs.partial.bytes(),
            );
        plan.dispatch(input.bind(walk.launch_with_filters(dispatch)));
        Some(slabs)
    }

    /// Which forward kernel makes `output`.
    fn way(&self, plan: &mut PlanBuilder, pass: &str, output: &Shape) -> Way {
        let Geometry { kernel, stride, .. } = self.geometry;
        let Shape { batch, height, width, channels } = *output;
        let question = format!("depthwise/{pass} k{kernel}s{stride} {batch}x{height}x{width}x{channels}");
        // A software device has few processors to keep busy, and every load that is saved counts. A page has plans that start quickly
        // there, and measures nothing elsewhere.
        let default = plan.class() == DeviceClass::Software;
        let walks = cfg!(not(target_arch = "wasm32")) && plan.choose(&question, 2, usize::from(default)) == 1;
        let down = if walks { rows_of_block(plan.class(), output) } else { 1 };
        Way { walks, down, question }
    }

    /// A launch of the forward kernel with these sizes, for `output`.
    fn launch_by(
        &self,
        Way { walks, down, question }: Way,
        label: String,
        mut params: ConvolutionParams,
        output: &Shape,
    ) -> Dispatch {
        params.down = down as u32;
        Dispatch::new(self.forward_kernel(walks), label)
            .params(&params)
            .threads(tile_threads(output, down, 4))
            .answers(question)
    }

    fn forward_kernel(&self, walks: bool) -> &'static Kernel {
        match walks {
            // A page need not carry them.
            #[cfg(not(target_arch = "wasm32"))]
            true => self.pick([
                &kernels::DEPTHWISE_FORWARD_WALK_K3S1,
                &kernels::DEPTHWISE_FORWARD_WALK_K3S2,
                &kernels::DEPTHWISE_FORWARD_WALK_K5S1,
                &kernels::DEPTHWISE_FORWARD_WALK_K5S2,
            ]),
            _ => self.pick([
                &kernels::DEPTHWISE_FORWARD_K3S1,
                &kernels::DEPTHWISE_FORWARD_K3S2,
                &kernels::DEPTHWISE_FORWARD_K5S1,
                &kernels::DEPTHWISE_FORWARD_K5S2,
            ]),
        }
    }
}

/// What makes a pass of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    /// A kernel that takes up to 250 registers, and loads the least.
    Many,
    /// One that takes some 128, of which a device can have twice as many invocations at a time; integrated GPUs may have no more, and what a
    /// kernel keeps beyond lies in memory: of Intel's 130 to 500 values (see docs/performance.md).
    Few,
    /// Matrix units.
    Units,
}

impl Maker {
    /// Of those for `question`; `units` says where they can make it whether the rule takes them.
    fn chosen(plan: &mut PlanBuilder, question: &str, units: Option<bool>) -> Self {
        let few = plan.class() == DeviceClass::Integrated;
        let default = if units == Some(true) { 2 } else { usize::from(few) };
        match plan.choose(question, 2 + usize::from(units.is_some()), default) {
            0 => Self::Many,
            1 => Self::Few,
            _ => Self::Units,
        }
    }
}

/// How the kernels of many and of few registers walk down a block: each as suits the columns that an invocation has at a time, its WIDE.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walks {
    pub many: Walk,
    pub few: Walk,
}

impl Walks {
    /// Of rows of `width` positions, each as `walk` says for so many tiles to a row. Where that has none for the narrower tiles, of images with too
    /// few rows, they are spread as the others: every kernel goes through all columns, however many invocations share them.
    fn new(width: usize, walk: impl Fn(usize) -> Option<Walk>) -> Option<Self> {
        let many = walk(width.div_ceil(4))?;
        Some(Self { many, few: walk(width.div_ceil(2)).unwrap_or(many) })
    }

    fn of(&self, maker: Maker) -> &Walk {
        match maker {
            Maker::Few => &self.few,
            Maker::Many | Maker::Units => &self.many,
        }
    }
}

/// Whether an invocation of a forward kernel walks, down how many rows of outputs, and the question that this answers.
struct Way {
    walks: bool,
    down: usize,
    question: String,
}
