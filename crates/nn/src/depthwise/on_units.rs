//! The weight gradient of depthwise convolutions on matrix units: see `shaders/depthwise/weight_gradient_matrix.wgsl`.

use super::Depthwise;
use crate::pointwise::tiles::units_for;
use crate::{Geometry, GradientOperand, Operand, Shape, SlabSums};
use photonet_gpu::{Dispatch, Kernel, PlanBuilder, Tensor, kernels};

/// Channel groups of a workgroup, a block's side.
const STRIP: usize = 4;

/// Workgroups that are wanted: a multiple of what an H200 has at once, whether that is 2, 3, 4 or 6 on each of its 132 processors.
const WANTED: usize = 12 * 132;

/// Of a block of matrices, which the narrower kernels have columns.
const SIDE: usize = 16;

/// Positions of the kernels that have a whole image at a time, of 5x5 filters of stride 1 and 2: of the input and of the gradient with the
/// zeros between lines, and those of the input and of the gradient that are not such zeros.
const OF_IMAGE: [[usize; 4]; 2] = [[104, 64, 80, 80], [292, 64, 200, 80]];

/// A kernel, and how many rows of outputs it takes at a time; that for whole images all.
struct Offer {
    kernel: &'static Kernel,
    rows: Option<usize>,
}

/// How the rows of all images are cut: blocks of `down` rows of an image, and slabs of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    down: usize,
    blocks_per_slab: usize,
    slabs: usize,
}

impl Depthwise {
    /// Whether a kernel has room for a whole image, which lies there as `weight_gradient_image_matrix.wgsl` says.
    fn fits_image(&self) -> bool {
        let Geometry { input, kernel, stride, .. } = self.geometry;
        let output = self.output();
        let (pad_y, pad_x) = self.geometry.padding_before();
        let pitch = (stride * (output.width - 1) + kernel - pad_x).div_ceil(stride);
        let of_even = output.height + (kernel - 1) / stride;
        let line_at = |line: usize| (line % stride * of_even + line / stride) * stride * pitch;
        let positions = (output.height * pitch).next_multiple_of(SIDE);
        let read = (0..kernel).map(|i| line_at(i) + kernel + stride * (positions - 1)).max();
        let written = (0..input.height).map(|row| line_at(row + pad_y) + pad_x + input.width).max();
        let needs = [read.max(written).unwrap_or(0), positions, input.pixels(), output.pixels()];
        let has = OF_IMAGE[stride - 1];
        kernel == 5
            && pad_x + input.width <= stride * pitch
            && needs.iter().zip(has).all(|(needs, has)| *needs <= has)
    }

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
    fn cut(&self, rows: Option<usize>, most: usize) -> Cut {
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
mod tests {
    use super::*;
    use crate::Padding;

    fn layer(batch: usize, side: usize, channels: usize, stride: usize) -> Depthwise {
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

    #[test]
    fn small_images_are_taken_whole() {
        for (side, stride, whole) in
            [(7, 1, true), (8, 1, false), (1, 1, true), (7, 2, true), (8, 2, false), (14, 1, false)]
        {
            let layer = layer(2, side, 72, stride);
            assert_eq!(layer.fits_image(), whole, "{side} {stride}");
            assert_eq!(layer.offer().rows.is_none(), whole);
        }
        // TensorFlow's padding, and a filter of three rows.
        let of = |kernel, padding| Depthwise::new(Shape::new(2, 14, 14, 72), kernel, 2, padding).unwrap();
        assert!(of(5, Padding::Same).fits_image() && !of(3, Padding::Same).fits_image());
    }
}
