//! The weight gradient of depthwise convolutions on matrix units: see `shaders/depthwise/weight_gradient_matrix.wgsl`.

use super::Depthwise;
use crate::pointwise::tiles::units_for;
use crate::{Geometry, GradientOperand, Operand, Shape, SlabSums};
use photonet_gpu::{Dispatch, Kernel, PlanBuilder, Tensor, kernels};

/// Channel groups of a workgroup, a block's side.
const STRIP: usize = 4;

/// Workgroups that an H200 may have at once: 2, 3, 4 or 6 on each of 132 processors, by the registers and the workgroup memory that they
/// take, which compilers decide.
const AT_ONCE: [usize; 4] = [2 * 132, 3 * 132, 4 * 132, 6 * 132];

/// What a workgroup takes to begin and to end, in turns.
const AROUND: usize = 1;

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
        // Of the narrower kernels' columns, or of the wider ones', whichever fewer are beyond the edge.
        let width = self.output().width;
        let narrow = width.next_multiple_of(SIDE) < width.next_multiple_of(2 * SIDE);
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

    /// For a kernel that takes `rows` rows at a time: in whole turns of the device as little work as can be, whichever of the numbers of
    /// workgroups it has at once, where at most `most` slabs are to be left. A block begins with turns for the lines that its first row
    /// shares with those above.
    pub(super) fn cut(&self, rows: Option<usize>, most: usize) -> Cut {
        let Shape { batch, height, .. } = self.output();
        let Geometry { kernel, stride, .. } = self.geometry;
        let strips = self.strips();
        let turns = |down: usize| {
            rows.map_or(1, |rows| (kernel - stride).div_ceil(stride * rows) + down.div_ceil(rows))
        };
        let downs = (1..=height)
            .rev()
            .filter(|down| height.is_multiple_of(*down) && (rows.is_some() || *down == height));
        let cuts = downs.flat_map(|down| {
            let blocks = batch * (height / down);
            // The fewest slabs first, of which the first that is as good as any is taken.
            (1..=blocks).rev().map(move |of| Cut { down, blocks_per_slab: of, slabs: blocks.div_ceil(of) })
        });
        let work = |cut: &Cut| {
            let of_workgroup = cut.blocks_per_slab * turns(cut.down) + AROUND;
            let in_turns = |at_once: usize| (cut.slabs * strips).div_ceil(at_once) * at_once;
            AT_ONCE.into_iter().map(in_turns).sum::<usize>() * of_workgroup
        };
        let few = cuts.filter(|cut| cut.slabs <= most.max(1));
        few.min_by_key(work).unwrap_or(Cut { down: height, blocks_per_slab: batch, slabs: 1 })
    }

    /// Workgroups beside one another in the channels.
    fn strips(&self) -> usize {
        self.geometry.input.groups().div_ceil(STRIP)
    }

    /// A launch with a workgroup for each strip of each slab.
    pub(super) fn launch(&self, dispatch: Dispatch, cut: &Cut) -> Dispatch {
        let mut params = self.geometry.params(cut.slabs as u32);
        (params.width, params.down) = (cut.blocks_per_slab as u32, cut.down as u32);
        dispatch.params(&params).groups((self.strips() * cut.slabs) as u64)
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
        let dispatch = Dispatch::new(kernel, label)
            .bind("partial", partial)
            .cost(self.macs(), read + self.weight_bytes() * cut.slabs as u64);
        output_gradient.bind(input.bind(self.launch(dispatch, &cut)))
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
    fn a_device_is_kept_busy_in_whole_turns() {
        let cut = |layer: Depthwise| layer.cut(layer.offer().rows, usize::MAX);
        for (layer, strips) in
            [(layer(256, 28, 120, 1), 8), (layer(256, 7, 960, 1), 60), (layer(64, 7, 960, 1), 60)]
        {
            let workgroups = cut(layer).slabs * strips;
            let idle = AT_ONCE.map(|at_once| workgroups.next_multiple_of(at_once) - workgroups);
            // A fifth in the mean over what a device may have at once.
            assert!(idle.iter().sum::<usize>() * 5 < 4 * workgroups, "{workgroups} workgroups: {idle:?}");
        }
        // A step of one photo has few workgroups, each with one block.
        assert_eq!(cut(layer(1, 7, 960, 1)), Cut { down: 7, blocks_per_slab: 1, slabs: 1 });
    }
}
