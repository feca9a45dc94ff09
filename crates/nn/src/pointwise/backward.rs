//! The gradients of a 1x1 convolution.

use super::tiles::{
    DATA_GRADIENT, DATA_GRADIENT_SUMS, MATRIX_DATA_GRADIENT, MATRIX_DATA_GRADIENT_SUMS,
    MATRIX_WEIGHT_GRADIENT, Offer, WEIGHT_GRADIENT, Worker, choose_tile, enough_tiles, fitting,
    in_workgroups, on_matrix_units,
};
use super::{Choice, Gate, Params, Pointwise};
use crate::columns::Columns;
use crate::operand::pass;
use crate::slabs::slab_count;
use crate::{Behind, GradientOperand, Operand, OutputGradient, SlabSums, Target, pad_channels};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{DeviceClass, Dispatch, PlanBuilder, Tensor, kernels};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SplitParams {
    product: Params,
    row_tiles: u32,
    rows_per_slab: u32,
    slabs: u32,
    rows_per_image: u32,
}

/// Bytes of weights beyond which a launch of its own for the bias costs less than taking the weights' gradient through slabs.
const MOST_WITH_BIAS: u64 = 1 << 20;

/// How a weight gradient is spread: output tiles, and slabs of rows.
struct Split {
    offer: Offer,
    tiles: usize,
    slabs: usize,
    rows_per_slab: usize,
    /// Which the tile answers.
    question: String,
}

/// Where the gradients of a product's parameters go.
#[derive(Clone, Copy, Debug)]
pub struct ProductGradients {
    /// `[inputs][outputs]`.
    pub weight: Tensor,
    /// `[outputs]`, where there is a bias.
    pub bias: Option<Tensor>,
}

impl From<Tensor> for ProductGradients {
    fn from(weight: Tensor) -> Self {
        Self { weight, bias: None }
    }
}

/// Rows of a piece of a weight gradient's inner dimension, at the least, where workgroups make it.
const SHORTEST: usize = 128;

impl Pointwise {
    /// Whether the backward kernels of a device take their gradient back through a normalisation while they load it: where
    /// loading is what takes long.
    pub fn takes_gradients_on_load(class: DeviceClass) -> bool {
        in_workgroups(class)
    }

    /// Appends the data gradient, `output_gradient weights^T`.
    pub fn data_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        output_gradient: impl Into<GradientOperand>,
        weights: Tensor,
        target: impl Into<Target>,
    ) {
        self.data_gradient_by(plan, label, output_gradient.into(), weights, target.into(), None);
    }

    /// The same taken back through a ReLU that made the input what it is, `passed`; for devices whose tiles are made by workgroups or subgroups.
    pub(crate) fn rectified_data_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        output_gradient: Tensor,
        weights: Tensor,
        passed: Tensor,
        input_gradient: Tensor,
    ) {
        let (gradient, target) = (output_gradient.into(), input_gradient.into());
        self.data_gradient_by(plan, label, gradient, weights, target, Some(passed));
    }

    fn data_gradient_by(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        output_gradient: GradientOperand,
        weights: Tensor,
        target: Target,
        passed: Option<Tensor>,
    ) {
        let input_gradient = target.tensor;
        let pass = pass("data_gradient", input_gradient, weights);
        let on_units = on_matrix_units(plan, output_gradient.format(), MATRIX_DATA_GRADIENT);
        let Choice { offer: Offer { tile, kernel, .. }, count, question } =
            self.choose(plan, &pass, self.inputs, &fitting(DATA_GRADIENT, plan), on_units);
        let weights = self.as_loaded(plan, kernel, weights);
        let dispatch = tile
            .launch(count, Dispatch::new(kernel, format!("{label} data gradient")))
            .constant("ADDS", target.adds)
            .bind("weights", weights)
            .bind("input_gradient", input_gradient)
            .params(&self.params(self.inputs, tile))
            .answers(question)
            .cost(self.macs(), output_gradient.bytes() + weights.bytes() + target.bytes());
        let rectified = |dispatch: Dispatch| {
            dispatch.bind_or("passed", passed, weights).constant("RECTIFIED", passed.is_some())
        };
        plan.dispatch(match tile.worker {
            Worker::Workgroup => rectified(output_gradient.bind(dispatch)),
            Worker::Subgroup => rectified(dispatch.bind("output_gradient", output_gradient.ready())),
            Worker::Invocation => {
                assert!(
                    passed.is_none(),
                    "without subgroups software devices make a gate's gradients in one launch"
                );
                dispatch.bind("output_gradient", output_gradient.ready())
            }
        });
    }

    /// Appends the data gradient taken back through the activation of the unit `behind` whose output this product
    /// takes, with the sums that its normalisation needs, where there is a kernel for it; else the data gradient alone.
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
        if !in_workgroups(plan.class()) {
            self.data_gradient(plan, label, output_gradient, weights, target);
            return target.tensor.into();
        }
        let pass = pass("data_gradient", target.tensor, weights);
        let on_units = on_matrix_units(plan, output_gradient.format(), MATRIX_DATA_GRADIENT_SUMS);
        let Choice { offer: Offer { tile, kernel, .. }, count, question } =
            self.choose(plan, &pass, self.inputs, DATA_GRADIENT_SUMS, on_units);
        let weights = self.as_loaded(plan, kernel, weights);
        let slabs = self.new_slabs(plan, format!("{label} gradient slabs"), tile, self.inputs);
        let dispatch = tile
            .launch(count, Dispatch::new(kernel, format!("{label} data gradient")))
            .params(&self.params(self.inputs, tile))
            .bind("partial", slabs.partial)
            .answers(question);
        let cost = (self.macs(), slabs.partial.bytes());
        behind.append(plan, dispatch, cost, output_gradient, weights, target, slabs)
    }

    /// Appends the gradient of the weights, `(input * gate)^T output_gradient`, and of the bias where there is one.
    #[expect(clippy::too_many_arguments, reason = "the operands of one fused gradient")]
    pub fn weight_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: impl Into<Operand>,
        gate: Option<Gate>,
        output_gradient: impl Into<GradientOperand>,
        gradients: impl Into<ProductGradients>,
        sums: &mut SlabSums,
    ) {
        let (input, output_gradient): (Operand, GradientOperand) = (input.into(), output_gradient.into());
        let ProductGradients { weight, mut bias } = gradients.into();
        let alone = !in_workgroups(plan.class()) || self.weight_bytes() > MOST_WITH_BIAS;
        if let Some(bias) = bias.take_if(|_| alone) {
            self.bias_gradient(plan, label, output_gradient.ready(), bias);
        }
        // The bias is the weight of one more input.
        let inputs = pad_channels(self.inputs) + if bias.is_some() { 4 } else { 0 };
        let on_units = on_matrix_units(plan, input.tensor.format(), MATRIX_WEIGHT_GRADIENT);
        let pass = pass("weight_gradient", input.tensor, weight);
        let Split { offer: Offer { tile, kernel, .. }, tiles, slabs, rows_per_slab, question } =
            self.split(plan, &pass, inputs, on_units);
        let params = SplitParams {
            product: self.params(self.outputs, tile),
            row_tiles: inputs.div_ceil(tile.rows) as u32,
            rows_per_slab: rows_per_slab as u32,
            slabs: slabs as u32,
            rows_per_image: self.rows_per_image(gate),
        };
        let bias_bytes = bias.map_or(0, |bias| bias.bytes());
        let apart = self.weight_bytes() + bias_bytes;
        let in_place = slabs == 1 && bias.is_none();
        let partial = if in_place { weight } else { sums.reserve(plan, apart * slabs as u64) };
        let dispatch = tile
            .launch(tiles * slabs, Dispatch::new(kernel, format!("{label} weight gradient")))
            .bind("partial", partial)
            .params(&params)
            .answers(question)
            .cost(self.macs(), input.tensor.bytes() + output_gradient.bytes() + apart * slabs as u64);
        let dispatch = match tile.worker {
            Worker::Workgroup => output_gradient.bind(dispatch).constant("BIAS", bias.is_some()),
            Worker::Invocation | Worker::Subgroup => {
                dispatch.bind("output_gradient", output_gradient.ready())
            }
        };
        plan.dispatch(self.gate(gate, input, dispatch));
        if !in_place {
            sums.add(plan, &format!("{label} weight gradient"), (slabs, apart), partial, weight);
        }
        if let Some(bias) = bias {
            let partial = partial.slice(self.weight_bytes(), bias_bytes);
            sums.add(plan, &format!("{label} bias gradient"), (slabs, apart), partial, bias);
        }
    }

    /// How the rows are cut for the weight gradient of so many inputs, bias included: into pieces that keep a device busy beside the
    /// output tiles, and are no shorter than pays.
    fn split(&self, plan: &mut PlanBuilder, pass: &str, inputs: usize, on_units: &[Offer]) -> Split {
        let (class, outputs) = (plan.class(), pad_channels(self.outputs));
        let offers = [&fitting(WEIGHT_GRADIENT, plan), on_units].concat();
        // Of few rows there are few pieces, and it is tiles that have to be many.
        let wanted = if in_workgroups(class) {
            enough_tiles(class, false).div_ceil((self.rows / SHORTEST).max(1))
        } else {
            1
        };
        let default = choose_tile(&offers, class, inputs, outputs, self.rows, wanted);
        let question = format!("pointwise/{pass} {}x{inputs}x{outputs}", self.rows);
        let offer = offers[plan.choose(&question, offers.len(), default)];
        let tiles = offer.tile.count(inputs, outputs);
        let (invocations, shortest) = match offer.tile.worker {
            Worker::Workgroup => (offer.kernel.workgroup_size[0] as usize * tiles, SHORTEST),
            // A tile in registers counts for many: its invocation is not one of a thousand that take turns.
            Worker::Invocation | Worker::Subgroup => (32 * tiles, 64),
        };
        let read = (self.rows * (inputs + outputs) * 4) as u64;
        // Multiplying takes as long as reading here: what is left may be as much as what is read.
        let slabs = slab_count(class, self.rows, invocations, self.weight_bytes(), read);
        let rows_per_slab = self.rows.div_ceil(slabs).max(shortest).next_multiple_of(32);
        let slabs = self.rows.div_ceil(rows_per_slab).max(1);
        Split { offer, tiles, slabs, rows_per_slab, question }
    }

    /// Appends the gradient of the bias: the sums of `output_gradient` over its rows.
    pub fn bias_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        output_gradient: Tensor,
        bias_gradient: Tensor,
    ) {
        let columns = Columns::images(1, self.rows, pad_channels(self.outputs) / 4);
        let dispatch = Dispatch::new(&kernels::REDUCE_COLUMNS, format!("{label} bias gradient"))
            .bind("input", output_gradient)
            .bind("output", bias_gradient)
            .cost(0, (self.rows * pad_channels(self.outputs) * 4) as u64);
        let dispatch = columns.launch(plan.class(), dispatch);
        plan.dispatch(dispatch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs_cover_the_rows_and_are_never_empty() {
        for (class, subgroups) in
            [(DeviceClass::Discrete, false), (DeviceClass::Software, false), (DeviceClass::Software, true)]
        {
            for rows in [1, 49, 512, 513, 12_544, 401_408] {
                for (inputs, outputs) in [(8, 8), (16, 64), (960, 160), (3, 30)] {
                    let Split { slabs, rows_per_slab, .. } = {
                        let layer = Pointwise { rows, inputs, outputs };
                        let mut plan = PlanBuilder::for_class(class).with_subgroups(subgroups);
                        layer.split(&mut plan, "weight_gradient", pad_channels(inputs), &[])
                    };
                    assert!(slabs * rows_per_slab >= rows);
                    assert!((slabs - 1) * rows_per_slab < rows);
                    assert!(class != DeviceClass::Software || slabs <= 64);
                }
            }
        }
    }
}
