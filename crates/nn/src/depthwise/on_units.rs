//! The weight gradient of depthwise convolutions on matrix units: see `shaders/depthwise/weight_gradient_matrix.wgsl`.

use super::Depthwise;
use crate::pointwise::tiles::units_for;
use crate::{GradientOperand, Operand, Shape, SlabSums};
use photonet_gpu::{Dispatch, Kernel, PlanBuilder, Tensor, kernels};

/// Channel groups of a workgroup, a block's side.
pub(super) const STRIP: usize = 4;

/// Workgroups that are wanted: a multiple of what an H200 has at once, whether that is 2, 3, 4 or 6 on each of its 132 processors.
const WANTED: usize = 12 * 132;

/// Of a block of matrices, which the narrower kernels have columns.
pub(super) const SIDE: usize = 16;

/// A kernel, and how many rows of outputs it takes at a time; that for whole images all.
struct Offer {
    kernel: &'static Kernel,
    rows: Option<usize>,
}

/// How the rows of all images are cut: blocks of `down` rows of an image, and slabs of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub down: usize,
    pub blocks_per_slab: usize,
    pub slabs: usize,
}

impl Depthwise {
    fn offer(&self) -> Offer {
        let narrow = self.output().width <= SIDE;
        let rows = if narrow { 4 } else { 2 } / self.geometry.stride;
        let of_rows = |kernels| Offer { kernel: self.pick(kernels), rows: Some(rows) };
        if self.fits_image() {
            let kernel = match self.geometry.stride {
                1 => &kernels::DEPTHWISE_WEIGHT_GRADIENT_IMAGE_MATRIX_K5S1,
                _ => &kernels::DEPTHWISE_WEIGHT_GRADIENT_IMAGE_MATRIX_K5S2,
            };
            Offer { kernel, rows: None }
        } else if narrow {
            of_rows([
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_MATRIX_K3S1_16,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_MATRIX_K3S2_16,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_MATRIX_K5S1_16,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_MATRIX_K5S2_16,
            ])
        } else {
            of_rows([
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_MATRIX_K3S1_32,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_MATRIX_K3S2_32,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_MATRIX_K5S1_32,
                &kernels::DEPTHWISE_WEIGHT_GRADIENT_MATRIX_K5S2_32,
            ])
        }
    }

    /// For a kernel that takes `rows` rows at a time: the workgroups that are wanted are given as few turns each as can be, where at most
    /// `most` slabs are to be left. A block begins with turns for the lines that its first row shares with those above.
    pub(super) fn cut(&self, rows: Option<usize>, most: usize) -> Cut {
        let Shape { batch, height, .. } = self.output();
        let strips = self.geometry.input.groups().div_ceil(STRIP);
        let wanted = (WANTED / strips).min(most).max(1);
        let cut = |down: usize| {
            let blocks = batch * (height / down);
            let blocks_per_slab = blocks.div_ceil(wanted);
            Cut { down, blocks_per_slab, slabs: blocks.div_ceil(blocks_per_slab) }
        };
        let Some(rows) = rows else { return cut(height) };
        let before = (self.geometry.kernel - self.geometry.stride).div_ceil(self.geometry.stride * rows);
        let turns = |cut: &Cut| cut.blocks_per_slab * (before + cut.down.div_ceil(rows));
        let downs = (1..=height).rev().filter(|down| height.is_multiple_of(*down));
        downs.map(cut).min_by_key(turns).unwrap_or_else(|| cut(height))
    }

    /// Whether the plan's matrix units can make the weight gradient of these gradients.
    pub(super) fn has_units(&self, plan: &PlanBuilder, output_gradient: GradientOperand) -> bool {
        units_for(plan, output_gradient.format()).is_some_and(|units| units.fit(self.offer().kernel))
    }

    /// As [`Depthwise::weight_gradient`], on matrix units.
    pub(super) fn weight_gradient_on_units(
        &self,
        plan: &mut PlanBuilder,
        label: String,
        input: Operand,
        output_gradient: GradientOperand,
        weight_gradient: Tensor,
        sums: &mut SlabSums,
    ) -> Dispatch {
        let Offer { kernel, rows } = self.offer();
        let read = input.tensor.bytes() + output_gradient.bytes();
        let cut = self.cut(rows, (read / (4 * self.weight_bytes())) as usize);
        let partial = sums.place(plan, &label, (cut.slabs, self.weight_bytes()), weight_gradient);
        let strips = self.geometry.input.groups().div_ceil(STRIP);
        let mut params = self.geometry.params(cut.slabs as u32);
        (params.width, params.down) = (cut.blocks_per_slab as u32, cut.down as u32);
        let dispatch = Dispatch::new(kernel, label)
            .bind("partial", partial)
            .params(&params)
            .groups((strips * cut.slabs) as u64)
            .cost(self.macs(), read + self.weight_bytes() * cut.slabs as u64);
        output_gradient.bind(input.bind(dispatch))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::Padding;

    pub(in crate::depthwise) fn layer(
        batch: usize,
        side: usize,
        channels: usize,
        stride: usize,
    ) -> Depthwise {
        let input = Shape::new(batch, side * stride, side * stride, channels);
        Depthwise::new(input, 5, stride, Padding::Symmetric).unwrap()
    }

    #[test]
    fn blocks_and_slabs_cover_all_rows_once() {
        for (batch, side, channels) in
            [(256, 28, 120), (256, 7, 960), (1, 7, 72), (5, 47, 30), (300, 14, 240)]
        {
            for stride in [1, 2] {
                let layer = layer(batch, side, channels, stride);
                for most in [1, 7, 1 << 20] {
                    let Cut { down, blocks_per_slab, slabs } = layer.cut(layer.offer().rows, most);
                    let blocks = batch * side / down;
                    assert!(side.is_multiple_of(down) && slabs <= most);
                    assert!(slabs * blocks_per_slab >= blocks && (slabs - 1) * blocks_per_slab < blocks);
                }
            }
        }
    }

    #[test]
    fn large_batches_are_cut_as_they_take_the_fewest_turns() {
        let cut = |layer: Depthwise| layer.cut(layer.offer().rows, usize::MAX);
        assert_eq!(cut(layer(256, 28, 120, 1)), Cut { down: 14, blocks_per_slab: 3, slabs: 171 });
        assert_eq!(cut(layer(256, 7, 960, 1)), Cut { down: 7, blocks_per_slab: 10, slabs: 26 });
    }
}
