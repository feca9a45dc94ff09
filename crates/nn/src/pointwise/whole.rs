//! 1x1 convolutions of few channels on matrix units, a workgroup with all channels: see `shaders/shared/whole_blocks.wgsl`.

use super::Pointwise;
use super::tiles::units_for;
use crate::operand::pass;
use crate::slab_sums::BehindSums;
use crate::slabs::LITTLE;
use crate::{Behind, Gate, GradientOperand, Operand, OutputGradient, SlabSums, Slabs, Target, pad_channels};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, Format, Kernel, PlanBuilder, Tensor, kernels};

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    rows_per_slab: u32,
    slabs: u32,
    weights_at: u32,
    unused: [u32; 2],
}

/// A kernel for so many inputs and outputs at most.
struct Whole {
    inputs: usize,
    outputs: usize,
    /// Rows that a workgroup has at a time.
    step: usize,
    /// Workgroups that are wanted: by what an H200 measured, which has so many at once, or many more. No more than are merged at once
    /// where their statistics are finished.
    workgroups: usize,
    /// Rows from which it is faster than tiles, of the shapes that an H200 measured: of fewer a workgroup has few.
    fewest_rows: usize,
    kernel: &'static Kernel,
}

const fn whole(
    (inputs, outputs): (usize, usize),
    (step, workgroups): (usize, usize),
    fewest_rows: usize,
    kernel: &'static Kernel,
) -> Whole {
    Whole { inputs, outputs, step, workgroups, fewest_rows, kernel }
}

/// The smallest first. With two blocks of outputs or fewer and more inputs, tiles were as fast.
const FORWARD: &[Whole] = &[
    whole((16, 16), (64, 4096), 1 << 19, &kernels::POINTWISE_FORWARD_WHOLE_16X16),
    whole((16, 64), (16, 2112), 1 << 19, &kernels::POINTWISE_FORWARD_WHOLE_16X64),
    whole((32, 80), (16, 1056), 1 << 19, &kernels::POINTWISE_FORWARD_WHOLE_32X80),
    whole((32, 96), (16, 1056), 1 << 19, &kernels::POINTWISE_FORWARD_WHOLE_32X96),
];

/// The same of both gradients.
const GRADIENTS: &[Whole] = &[
    whole((16, 16), (64, 4096), 1 << 17, &kernels::POINTWISE_GRADIENTS_16X16),
    whole((16, 64), (16, 1584), 1 << 17, &kernels::POINTWISE_GRADIENTS_16X64),
    whole((32, 80), (32, 528), 1 << 17, &kernels::POINTWISE_GRADIENTS_32X80),
    whole((32, 96), (32, 528), 1 << 17, &kernels::POINTWISE_GRADIENTS_32X96),
    whole((64, 32), (32, 528), 1 << 19, &kernels::POINTWISE_GRADIENTS_64X32),
    whole((80, 32), (32, 528), 1 << 19, &kernels::POINTWISE_GRADIENTS_80X32),
];

/// How the rows of a product are cut.
struct Cut {
    kernel: &'static Kernel,
    slabs: usize,
    rows_per_slab: usize,
    /// Whether there are rows enough for it to be faster than tiles.
    pays: bool,
}

impl Pointwise {
    /// The one of `offers` that has room for all channels, on the plan's matrix units, and how it cuts the rows where so many slabs are
    /// the most.
    fn whole(
        &self,
        plan: &PlanBuilder,
        format: Format,
        offers: &'static [Whole],
        most: usize,
    ) -> Option<Cut> {
        let units = units_for(plan, format)?;
        let (inputs, outputs) = (pad_channels(self.inputs), pad_channels(self.outputs));
        let holds = |whole: &&Whole| inputs <= whole.inputs && outputs <= whole.outputs;
        let whole = offers.iter().find(holds).filter(|whole| units.fit(whole.kernel))?;
        let rows_per_slab =
            self.rows.div_ceil(whole.workgroups.min(most).max(1)).next_multiple_of(whole.step);
        let slabs = self.rows.div_ceil(rows_per_slab);
        // Of AMD's units nothing is measured, and some of these kernels do not fit into registers there.
        let pays = self.rows >= whole.fewest_rows && !units.one_of_several;
        Some(Cut { kernel: whole.kernel, slabs, rows_per_slab, pays })
    }

    fn whole_params(&self, cut: &Cut, weights_at: u64) -> Params {
        Params {
            rows: self.rows as u32,
            inputs: (pad_channels(self.inputs) / 4) as u32,
            outputs: (pad_channels(self.outputs) / 4) as u32,
            rows_per_slab: cut.rows_per_slab as u32,
            slabs: cut.slabs as u32,
            weights_at: (weights_at / 16) as u32,
            unused: [0; 2],
        }
    }

    /// As [`Pointwise::forward_for_norm`], which without a kernel for it, or where it does not pay, is made by `apart`.
    pub(super) fn forward_whole_or(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Operand,
        weights: Tensor,
        output: Tensor,
        apart: impl FnOnce(&mut PlanBuilder) -> Option<Slabs>,
    ) -> Option<Slabs> {
        let Some(Cut { pays, .. }) = self.whole(plan, input.tensor.format(), FORWARD, 1) else {
            return apart(plan);
        };
        let question = self.asked(&pass("forward_whole", output, weights));
        let at_once = plan.at_once(&question, pays);
        plan.answering(question, |plan| {
            let whole = at_once.then(|| self.forward_whole(plan, label, input, weights, output));
            whole.flatten().or_else(|| apart(plan))
        })
    }

    /// The same by a workgroup with all channels; without a kernel for it nothing, and returns nothing.
    pub(crate) fn forward_whole(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Operand,
        weights: Tensor,
        output: Tensor,
    ) -> Option<Slabs> {
        let groups = pad_channels(self.outputs) / 4;
        let moved = input.tensor.bytes() + weights.bytes() + output.bytes();
        let most = moved / (LITTLE * Slabs::bytes(1, groups));
        let cut = self.whole(plan, input.tensor.format(), FORWARD, most as usize)?;
        let slabs =
            Slabs::new(plan, format!("{label} statistics slabs"), cut.slabs, cut.rows_per_slab, groups);
        let dispatch = Dispatch::new(cut.kernel, format!("{label} forward"))
            .bind("weights", weights)
            .bind("output", output)
            .bind("partial", slabs.partial)
            .params(&self.whole_params(&cut, 0))
            .groups(cut.slabs as u64);
        plan.dispatch(input.bind(dispatch).cost(self.macs(), moved + slabs.partial.bytes()));
        Some(slabs)
    }

    /// Appends both gradients where `target` is for the input of this product, which is what was made of the unit `behind`: the weight
    /// gradient, and the data gradient as of [`Pointwise::data_gradient_behind`]. Of few channels they are made in one pass on matrix units,
    /// where the wide gradient is read once.
    #[expect(clippy::too_many_arguments, reason = "the operands of two gradients")]
    pub fn gradients_behind(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: impl Into<Operand>,
        gate: Option<Gate>,
        output_gradient: impl Into<GradientOperand>,
        weights: Tensor,
        behind: &Behind,
        target: impl Into<Target>,
        weight_gradient: Tensor,
        sums: &mut SlabSums,
    ) -> OutputGradient {
        let (input, output_gradient): (Operand, GradientOperand) = (input.into(), output_gradient.into());
        let target: Target = target.into();
        let known = takes(input, behind) && gate.is_none();
        let cut = self.whole(plan, output_gradient.format(), GRADIENTS, 1).filter(|_| known);
        let apart = |plan: &mut PlanBuilder, sums: &mut SlabSums| {
            self.weight_gradient(plan, label, input, gate, output_gradient, weight_gradient, sums);
            self.data_gradient_behind(plan, label, output_gradient, weights, behind, target)
        };
        let Some(Cut { pays, .. }) = cut else { return apart(plan, sums) };
        let question = self.asked(&pass("gradients", target.tensor, weights));
        let at_once = plan.at_once(&question, pays);
        plan.answering(question, |plan| {
            let whole = at_once.then(|| {
                self.gradients_at_once(
                    plan,
                    label,
                    input,
                    output_gradient,
                    weights,
                    behind,
                    target,
                    weight_gradient,
                    sums,
                )
            });
            whole.flatten().unwrap_or_else(|| apart(plan, sums))
        })
    }

    /// Appends both in one pass; without a kernel for it nothing, and returns nothing.
    #[expect(clippy::too_many_arguments, reason = "the operands of two gradients")]
    pub(crate) fn gradients_at_once(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Operand,
        output_gradient: GradientOperand,
        weights: Tensor,
        behind: &Behind,
        target: Target,
        weight_gradient: Tensor,
        sums: &mut SlabSums,
    ) -> Option<OutputGradient> {
        let read = output_gradient.bytes() + input.tensor.bytes();
        let most = read / (LITTLE * self.weight_bytes());
        let cut = self.whole(plan, output_gradient.format(), GRADIENTS, most as usize)?;
        let Cut { kernel, slabs, rows_per_slab, .. } = cut;
        let left = (slabs, pad_channels(self.inputs) / 4, self.weight_bytes());
        let BehindSums { partial, sums: of_sums, weights_at } =
            sums.place_behind_sums(plan, &format!("{label} weight gradient"), left, weight_gradient);
        let of_unit = input.norm.is_some();
        let dispatch = Dispatch::new(kernel, format!("{label} gradients"))
            .constant("OF_UNIT", of_unit)
            .bind("input", input.tensor)
            .bind("partial", partial)
            .params(&self.whole_params(&cut, weights_at))
            .groups(slabs as u64);
        let more = if of_unit { 0 } else { input.tensor.bytes() };
        let cost = (2 * self.macs(), more + partial.bytes());
        let of_sums = Slabs { partial: of_sums, slabs, rows_per_slab };
        Some(behind.append(plan, dispatch, cost, output_gradient, weights, target, of_sums))
    }
}

/// Whether one pass finds an input like this: it lies in memory as it is, or is what was made of the unit `behind` alone.
fn takes(input: Operand, behind: &Behind) -> bool {
    input.norm.is_none_or(|norm| norm == behind.norm && input.tensor == behind.raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use photonet_gpu::{DeviceClass, MatrixUnits};

    const UNITS: MatrixUnits =
        MatrixUnits { edge: 16, workgroup_bytes: 48 << 10, invocations: 1024, one_of_several: false };

    fn plan(class: DeviceClass, units: Option<MatrixUnits>) -> PlanBuilder {
        PlanBuilder::for_class(class).with_matrix_units(units)
    }

    #[test]
    fn few_channels_are_taken_whole_on_matrix_units() {
        let discrete = plan(DeviceClass::Discrete, Some(UNITS));
        let kernel = |plan: &PlanBuilder, offers, (inputs, outputs), format| {
            let layer = Pointwise { rows: 1 << 20, inputs, outputs };
            layer.whole(plan, format, offers, usize::MAX).map(|cut| cut.kernel.name)
        };
        for (shape, forward, gradients) in [
            ((16, 16), Some("pointwise/forward_whole@16x16"), Some("pointwise/gradients@16x16")),
            ((16, 64), Some("pointwise/forward_whole@16x64"), Some("pointwise/gradients@16x64")),
            ((24, 72), Some("pointwise/forward_whole@32x80"), Some("pointwise/gradients@32x80")),
            ((24, 88), Some("pointwise/forward_whole@32x96"), Some("pointwise/gradients@32x96")),
            ((64, 24), None, Some("pointwise/gradients@64x32")),
            ((72, 24), None, Some("pointwise/gradients@80x32")),
            ((40, 120), None, None),
        ] {
            assert_eq!(kernel(&discrete, FORWARD, shape, Format::Half), forward, "{shape:?}");
            assert_eq!(kernel(&discrete, GRADIENTS, shape, Format::Brain), gradients, "{shape:?}");
            assert_eq!(kernel(&discrete, FORWARD, shape, Format::Single), None);
            for class in [DeviceClass::Discrete, DeviceClass::Software] {
                let units = (class == DeviceClass::Software).then_some(UNITS);
                assert_eq!(kernel(&plan(class, units), GRADIENTS, shape, Format::Brain), None, "{class:?}");
            }
        }
        // The least that Vulkan allows holds them all.
        let least =
            MatrixUnits { edge: 16, workgroup_bytes: 16 << 10, invocations: 128, one_of_several: false };
        assert!(FORWARD.iter().chain(GRADIENTS).all(|whole| least.fit(whole.kernel)));
    }

    #[test]
    fn they_are_taken_where_there_are_rows_enough_and_their_slabs_are_merged_at_once() {
        let discrete = plan(DeviceClass::Discrete, Some(UNITS));
        let cut = |offers, rows, (inputs, outputs)| {
            let layer = Pointwise { rows, inputs, outputs };
            layer.whole(&discrete, Format::Half, offers, usize::MAX).unwrap()
        };
        // The second stage of small at batch 256, and the first of large.
        let pays = |offers, rows, shape| cut(offers, rows, shape).pays;
        assert!(pays(GRADIENTS, 200_704, (24, 88)) && !pays(GRADIENTS, 200_704, (72, 24)));
        assert!(!pays(FORWARD, 200_704, (24, 88)) && pays(FORWARD, 802_816, (24, 72)));
        assert!(!pays(GRADIENTS, 50_176, (24, 88)));
        for offers in [FORWARD, GRADIENTS] {
            for whole in offers {
                let cut = cut(offers, 1 << 24, (whole.inputs, whole.outputs));
                assert!(cut.slabs <= crate::slabs::FINISHED_AT_ONCE, "{}", whole.kernel.name);
            }
        }
    }

    #[test]
    fn slabs_cover_the_rows_and_are_never_empty() {
        let plan = plan(DeviceClass::Discrete, Some(UNITS));
        for (rows, most) in [(1, 1), (63, 9), (64, 9), (65, 9), (12_545, 100), (3_211_264, 1 << 20)] {
            for (inputs, outputs) in [(16, 16), (16, 64), (24, 72)] {
                let layer = Pointwise { rows, inputs, outputs };
                for offers in [FORWARD, GRADIENTS] {
                    let cut = layer.whole(&plan, Format::Half, offers, most).unwrap();
                    assert!(cut.slabs <= most.max(1) && cut.rows_per_slab.is_multiple_of(16));
                    assert!(
                        cut.slabs * cut.rows_per_slab >= rows && (cut.slabs - 1) * cut.rows_per_slab < rows
                    );
                }
            }
        }
    }

    #[test]
    fn an_input_is_known_as_it_lies_in_memory_or_as_the_unit_made_it() {
        let mut plan = plan(DeviceClass::Discrete, None);
        let [raw, moments, other] = ["raw", "moments", "other"].map(|name| plan.transient(name, 256));
        let norm = crate::Norm { moments, activation: crate::Activation::Relu };
        let behind = Behind { raw, norm };
        let of = |tensor, norm| takes(Operand { tensor, norm }, &behind);
        assert!(of(raw, Some(norm)) && of(other, None));
        assert!(!of(other, Some(norm)) && !of(raw, Some(crate::Norm { moments: other, ..norm })));
    }
}
