//! The gradients of a depthwise convolution.

use super::{Depthwise, Maker, Walks};
use crate::operand::pass;
use crate::residual::fill;
use crate::slab_sums::BehindSums;
use crate::walk::{Walk, WalkParams, tile_threads};
use crate::{Behind, Geometry, GradientOperand, Operand, OutputGradient, Shape, SlabSums, Target};
use photonet_gpu::{DeviceClass, Dispatch, PlanBuilder, Tensor, kernels};

impl Depthwise {
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

    /// How the data gradient's kernels that leave sums for a normalisation are spread, where there are some for the size.
    pub(crate) fn gradient_walks(&self, class: DeviceClass) -> Option<Walks> {
        let Geometry { input, kernel, stride, .. } = self.geometry;
        let (_, pad_x) = self.geometry.padding_before();
        // At stride 2 tiles begin where the padded column is even.
        Walks::new(input.width + (stride - 1) * (pad_x % 2), |tiles| {
            // Lines of gradients; at stride 2 half as many, which makes no difference to which block has the fewest.
            Walk::depthwise(class, &input, tiles, kernel, |down| down + kernel - 1)
        })
    }

    /// Whether the backward kernels for this size take their gradient back through a normalisation while they load it.
    pub fn takes_gradients_on_load(&self, class: DeviceClass) -> bool {
        self.gradient_walks(class).is_some()
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
        let Some(walks) = self.gradient_walks(plan.class()) else {
            return self.data_gradient(plan, label, output_gradient, weights, target).into();
        };
        let question = self.asked(&pass("data_gradient_sums", target.tensor, weights));
        let units = self.data_gradient_image_on_units(plan, output_gradient);
        let maker = Maker::chosen(plan, &question, units);
        let of_shape = match maker {
            Maker::Units => {
                return self.data_gradient_of_image(
                    plan,
                    label,
                    question,
                    output_gradient,
                    weights,
                    behind,
                    target,
                );
            }
            Maker::Few => self.pick([
                &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE1_K3_FEW,
                &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE2_K3_FEW,
                &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE1_K5_FEW,
                &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE2_K5_FEW,
            ]),
            Maker::Many => self.pick([
                &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE1_K3,
                &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE2_K3,
                &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE1_K5,
                &kernels::DEPTHWISE_DATA_GRADIENT_SUMS_STRIDE2_K5,
            ]),
        };
        let walk = walks.of(maker);
        let slabs = walk.new_slabs(plan, format!("{label} gradient slabs"), &self.geometry.input);
        let dispatch = walk
            .launch_with_filters(Dispatch::new(of_shape, format!("{label} data gradient")))
            .params(&self.gradient_params(walk))
            .answers(question)
            .bind("partial", slabs.partial);
        let cost = (self.macs(), slabs.partial.bytes());
        behind.append(plan, dispatch, cost, output_gradient, weights, target, slabs)
    }

    /// Appends both gradients where `target` is for the unit `behind` that makes this convolution's `input`: the weight gradient,
    /// and the data gradient as of [`Depthwise::data_gradient_behind`]. On discrete GPUs a 3x3 filter's are made in one pass, which takes
    /// the input from the unit's raw output; nothing may have been added to it in between.
    #[expect(clippy::too_many_arguments, reason = "the operands of two gradients")]
    pub fn gradients_behind(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: impl Into<Operand>,
        output_gradient: impl Into<GradientOperand>,
        weights: Tensor,
        behind: &Behind,
        target: impl Into<Target>,
        weight_gradient: Tensor,
        sums: &mut SlabSums,
    ) -> OutputGradient {
        let (input, output_gradient): (Operand, GradientOperand) = (input.into(), output_gradient.into());
        let target: Target = target.into();
        let kernel = self.geometry.kernel;
        let apart = |plan: &mut PlanBuilder, sums: &mut SlabSums| {
            self.weight_gradient(plan, label, input, output_gradient, weight_gradient, sums);
            self.data_gradient_behind(plan, label, output_gradient, weights, behind, target)
        };
        let Some(walks) = self.gradient_walks(plan.class()).filter(|_| kernel == 3) else {
            return apart(plan, sums);
        };
        let question = self.asked(&pass("gradients", target.tensor, weights));
        // Two passes or one, which wants some 200 registers: integrated devices may have 128.
        let default = plan.class() == DeviceClass::Discrete;
        let at_once = plan.at_once(&question, default);
        plan.answering(question, |plan| {
            if !at_once {
                return apart(plan, sums);
            }
            self.gradients_at_once(
                plan,
                label,
                &walks.many,
                output_gradient,
                weights,
                behind,
                target,
                weight_gradient,
                sums,
            )
        })
    }

    #[expect(clippy::too_many_arguments, reason = "the operands of two gradients")]
    fn gradients_at_once(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        walk: &Walk,
        output_gradient: GradientOperand,
        weights: Tensor,
        behind: &Behind,
        target: Target,
        weight_gradient: Tensor,
        sums: &mut SlabSums,
    ) -> OutputGradient {
        let kernel = match self.geometry.stride {
            1 => &kernels::DEPTHWISE_GRADIENTS_STRIDE1_K3,
            _ => &kernels::DEPTHWISE_GRADIENTS_STRIDE2_K3,
        };
        // The sums, and behind them the filters of all blocks, as the kernel expects them.
        let left = (walk.slabs, self.geometry.input.groups(), self.weight_bytes());
        let BehindSums { partial, sums: of_sums, .. } =
            sums.place_behind_sums(plan, &format!("{label} weight gradient"), left, weight_gradient);
        let slabs = walk.slabs_in(of_sums);
        let dispatch = walk
            .launch_with_filters(Dispatch::new(kernel, format!("{label} gradients")))
            .params(&self.gradient_params(walk))
            .bind("partial", partial);
        let cost = (2 * self.macs(), partial.bytes());
        behind.append(plan, dispatch, cost, output_gradient, weights, target, slabs)
    }

    fn gradient_params(&self, walk: &Walk) -> WalkParams {
        let Geometry { input, kernel, stride, .. } = self.geometry;
        let (pad_y, pad_x) = self.geometry.padding_before();
        // At stride 1 the walk is that of a forward convolution, see `data_gradient_as_forward`.
        match stride {
            1 => walk.params(&self.output(), &input, (kernel - 1 - pad_y, kernel - 1 - pad_x)),
            _ => walk.params(&input, &self.output(), (pad_y, pad_x)),
        }
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
        let shape = &self.geometry.input;
        let way = self.way(plan, &pass("data_gradient", input_gradient, weights), shape);
        let dispatch = self
            .launch_by(way, label, params, shape)
            .constant("HAS_BIAS", false)
            .constant("FLIPPED", true)
            .bind("weights", weights)
            .bind_or("bias", None, weights)
            .bind("output", input_gradient)
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
        sums: &mut SlabSums,
    ) {
        let (input, output_gradient): (Operand, GradientOperand) = (input.into(), output_gradient.into());
        let Geometry { kernel, input: shape, .. } = self.geometry;
        let class = plan.class();
        let label = format!("{label} weight gradient");
        let (maker, question) = match class {
            // A page's software device takes half a minute to compile one of the kernels that walk.
            DeviceClass::Software if plan.quick_start() => (Some(Maker::Few), None),
            DeviceClass::Software => (None, None),
            _ => {
                let question = self.asked(&pass("weight_gradient", output_gradient.tensor, weight_gradient));
                let units = self.has_units(plan, output_gradient).then_some(true);
                (Some(Maker::chosen(plan, &question, units)), Some(question))
            }
        };
        if maker == Some(Maker::Units) {
            let dispatch =
                self.weight_gradient_on_units(plan, label, input, output_gradient, weight_gradient, sums);
            plan.dispatch(dispatch.answers_any(question));
            return;
        }
        // Invocations of a filter: one, or on GPUs one for each row of 5, since three of them take so many registers that it is slower; of few
        // registers one for each row in any case.
        let parts = match maker {
            Some(Maker::Few) => kernel,
            Some(_) if kernel == 5 => kernel,
            _ => 1,
        };
        let threads = parts * shape.groups();
        let read = input.tensor.bytes() + output_gradient.bytes();
        let slabs = self.geometry.slabs(class, threads, self.weight_bytes(), read);
        let partial = sums.place(plan, &label, (slabs, self.weight_bytes()), weight_gradient);
        let kernel = match maker {
            None => self.pick([
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_WALK_K3S1,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_WALK_K3S2,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_WALK_K5S1,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_WALK_K5S2,
            ]),
            Some(Maker::Few) => self.pick([
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K3S1_FEW,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K3S2_FEW,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K5S1_FEW,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K5S2_FEW,
            ]),
            Some(_) => self.pick([
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K3S1,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K3S2,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K5S1,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_K5S2,
            ]),
        };
        let mut params = self.geometry.params(slabs as u32);
        let output = self.output();
        params.down = (output.batch * output.height).div_ceil(slabs) as u32;
        let dispatch = Dispatch::new(kernel, label)
            .bind("partial", partial)
            .params(&params)
            .threads((threads * slabs) as u64)
            .cost(self.macs(), read + self.weight_bytes() * slabs as u64);
        plan.dispatch(output_gradient.bind(input.bind(dispatch.answers_any(question))));
    }
}
