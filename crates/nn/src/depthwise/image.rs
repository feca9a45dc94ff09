//! Depthwise convolutions of images so small that a workgroup has them whole, on matrix units: see `shaders/shared/depthwise_image.wgsl`.

use super::Depthwise;
use super::on_units::{Cut, SIDE};
use crate::pointwise::tiles::units_for;
use crate::slabs::LITTLE;
use crate::{Behind, Geometry, GradientOperand, Operand, OutputGradient, Slabs, Target};
use photonet_gpu::{Dispatch, Format, Kernel, PlanBuilder, Tensor, kernels};

/// What the kernels have room for, of 5x5 filters of stride 1 and 2: positions of the input and of the output with the zeros between lines,
/// and those that are not such zeros.
const ROOM: [[usize; 4]; 2] = [[104, 64, 64, 64], [292, 64, 200, 64]];

/// Positions of the output from which on the convolutions are taken, of stride 1 and 2: an image takes as long however small it is. Counted,
/// not measured.
const WORTH: [usize; 2] = [25, 36];

/// The data gradient's kernel, of stride 1.
const DATA_GRADIENT: &Kernel = &kernels::DEPTHWISE_DATA_GRADIENT_IMAGE_MATRIX_K5S1;

impl Depthwise {
    /// Whether there are kernels that have room for a whole image, which lies there as `depthwise_image.wgsl` says.
    pub(super) fn fits_image(&self) -> bool {
        let Geometry { input, kernel, stride, .. } = self.geometry;
        let output = self.output();
        let (pad_y, pad_x) = self.geometry.padding_before();
        let pitch = (stride * (output.width - 1) + kernel - pad_x).div_ceil(stride);
        let of_even = output.height + (kernel - 1) / stride;
        let line_at = |line: usize| (line % stride * of_even + line / stride) * stride * pitch;
        let positions = (output.height * pitch).next_multiple_of(SIDE);
        // The taps of the last of these positions.
        let read = (0..kernel).map(|i| line_at(i) + kernel + stride * (positions - 1)).max();
        let written = (0..input.height).map(|row| line_at(row + pad_y) + pad_x + input.width).max();
        let needs = [read.max(written).unwrap_or(0), positions, input.pixels(), output.pixels()];
        let room = ROOM[stride - 1];
        kernel == 5
            && pad_x + input.width <= stride * pitch
            && needs.iter().zip(room).all(|(needs, room)| *needs <= room)
    }

    /// Whether `kernel` is worth to be taken for operands of `format`, where a plan's units can. AMD's keep an operand in both halves of a subgroup
    /// (RDNA 3): some 500 numbers of these kernels do not fit into registers there, so that the rule takes others.
    fn image_on_units(&self, plan: &PlanBuilder, format: Format, kernel: &'static Kernel) -> Option<bool> {
        let units = units_for(plan, format).filter(|units| units.fit(kernel) && self.fits_image())?;
        Some(!units.one_of_several && self.output().pixels() >= WORTH[self.geometry.stride - 1])
    }

    /// How a kernel that moves so many bytes is cut.
    fn image_cut(&self, moved: u64) -> Cut {
        let left = Slabs::bytes(1, self.geometry.input.groups());
        self.cut(None, (moved / (LITTLE * left)) as usize)
    }

    fn forward_image(&self) -> &'static Kernel {
        match self.geometry.stride {
            1 => &kernels::DEPTHWISE_FORWARD_IMAGE_MATRIX_K5S1,
            _ => &kernels::DEPTHWISE_FORWARD_IMAGE_MATRIX_K5S2,
        }
    }

    /// Whether [`Depthwise::forward_of_image`] is worth it, where a plan's units can.
    pub(super) fn forward_image_on_units(&self, plan: &PlanBuilder, input: Operand) -> Option<bool> {
        self.image_on_units(plan, input.tensor.format(), self.forward_image())
    }

    /// Whether [`Depthwise::data_gradient_of_image`] is worth it, where a plan's units can. At stride 1 it is the convolution with the filter turned
    /// around, of 5x5 with as many zeros on all sides.
    pub(super) fn data_gradient_image_on_units(
        &self,
        plan: &PlanBuilder,
        output_gradient: GradientOperand,
    ) -> Option<bool> {
        let turned = self.geometry.stride == 1 && self.geometry.padding_before() == (2, 2);
        self.image_on_units(plan, output_gradient.format(), DATA_GRADIENT).filter(|_| turned)
    }

    fn image_slabs(&self, plan: &mut PlanBuilder, label: String, cut: &Cut) -> Slabs {
        let rows_per_slab = cut.blocks_per_slab * self.output().pixels();
        Slabs::new(plan, label, cut.slabs, rows_per_slab, self.geometry.input.groups())
    }

    /// As [`Depthwise::forward_for_norm`], on matrix units, which answers `question`.
    pub(super) fn forward_of_image(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        question: String,
        input: Operand,
        weights: Tensor,
        output: Tensor,
    ) -> Slabs {
        let moved = input.tensor.bytes() + weights.bytes() + output.bytes();
        let cut = self.image_cut(moved);
        let slabs = self.image_slabs(plan, format!("{label} statistics slabs"), &cut);
        let dispatch = Dispatch::new(self.forward_image(), format!("{label} forward"))
            .bind("weights", weights)
            .bind("output", output)
            .bind("partial", slabs.partial)
            .answers(question)
            .cost(self.macs(), moved + slabs.partial.bytes());
        plan.dispatch(input.bind(self.launch(dispatch, &cut)));
        slabs
    }

    /// As [`Depthwise::data_gradient_behind`], on matrix units, which answers `question`.
    #[expect(clippy::too_many_arguments, reason = "the operands of a gradient that goes on behind")]
    pub(super) fn data_gradient_of_image(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        question: String,
        output_gradient: GradientOperand,
        weights: Tensor,
        behind: &Behind,
        target: Target,
    ) -> OutputGradient {
        let cut = self.image_cut(output_gradient.bytes() + target.bytes() + behind.raw.bytes());
        let slabs = self.image_slabs(plan, format!("{label} gradient slabs"), &cut);
        let dispatch = Dispatch::new(DATA_GRADIENT, format!("{label} data gradient"))
            .bind("partial", slabs.partial)
            .answers(question);
        let cost = (self.macs(), slabs.partial.bytes());
        behind.append(plan, self.launch(dispatch, &cut), cost, output_gradient, weights, target, slabs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::on_units::tests::layer;
    use super::*;
    use crate::{Padding, Shape};

    #[test]
    fn there_is_the_room_that_the_shaders_have() {
        let variants = include_str!("../../../../shaders/variants.txt");
        let mut seen = 0;
        for line in variants.lines().filter(|line| line.contains("_image_matrix ")) {
            let value = |name: &str| {
                let word =
                    line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
                word.and_then(|number| number.parse::<usize>().ok())
            };
            let [pixels, positions, inputs, outputs] = ROOM[value("STRIDE").unwrap() - 1];
            assert_eq!((value("PIXELS"), value("INPUTS")), (Some(pixels), Some(inputs)), "{line}");
            // Of the weight gradient; of the others each team makes a block's side of them.
            let own = value("POSITIONS").or_else(|| value("TEAMS").map(|teams| teams * SIDE));
            assert_eq!((own, outputs), (Some(positions), positions), "{line}");
            seen += 1;
        }
        assert_eq!(seen, 5);
    }

    #[test]
    fn what_the_checks_run_goes_through_several_images() {
        let layer = Depthwise::new(Shape::new(61, 3, 3, 480), 5, 1, Padding::Symmetric).unwrap();
        let wide = Depthwise::new(Shape::new(61, 14, 14, 480), 5, 2, Padding::Symmetric).unwrap();
        for layer in [layer, wide] {
            assert!(layer.fits_image() && layer.cut(None, usize::MAX).blocks_per_slab > 1, "{layer:?}");
        }
    }

    #[test]
    fn small_images_are_taken_whole() {
        for (side, stride, whole) in
            [(7, 1, true), (8, 1, false), (1, 1, true), (7, 2, true), (8, 2, false), (14, 1, false)]
        {
            assert_eq!(layer(2, side, 72, stride).fits_image(), whole, "{side} {stride}");
        }
        // TensorFlow's padding, and a filter of three rows.
        let of = |kernel, padding| Depthwise::new(Shape::new(2, 14, 14, 72), kernel, 2, padding).unwrap();
        assert!(of(5, Padding::Same).fits_image() && !of(3, Padding::Same).fits_image());
    }
}
