//! Dense convolutions; MobileNetV3 has one, the 3x3 stem.

use crate::pointwise::tiles::units_for;
use crate::walk::{Walk, rows_of_block, tile_threads};
use crate::{Activation, Geometry, GradientOperand, Shape, SlabSums, Slabs};
use photonet_gpu::{DeviceClass, Dispatch, Format, Kernel, PlanBuilder, Tensor, kernels};

/// Widest strip of output groups that the stem's kernels take: its filters have 3.4 KiB of workgroup memory.
const STEM_WIDTH: usize = 8;

/// The most outputs of the stem's kernels on matrix units: the side of a block (`shaders/shared/stem_blocks.wgsl`).
const UNITS_OUTPUTS: usize = 16;

/// A kernel of the stem on matrix units, and its workgroups that an H200 has at once: of 3 KiB each, on 132 processors that have 48.
struct OnUnits {
    kernel: &'static Kernel,
    at_once: usize,
}

const FORWARD: OnUnits = OnUnits { kernel: &kernels::DENSE_STEM_STATISTICS_MATRIX_K3S2, at_once: 16 * 132 };

const GRADIENT: OnUnits =
    OnUnits { kernel: &kernels::DENSE_STEM_WEIGHT_GRADIENT_MATRIX_K3S2, at_once: 15 * 132 };

/// Slabs of the stem's weight gradient that are few, however small the images.
const FEW_SLABS: usize = 1024;

/// A dense convolution with a square kernel.
///
/// Weights are `[kernel][kernel][inputs][outputs]`, both channel counts padded to multiples of 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Sizes and padding.
    pub geometry: Geometry,
}

impl Dense {
    /// Shape of the output.
    pub fn output(&self) -> Shape {
        self.geometry.output()
    }

    /// Multiply-accumulates of one pass.
    pub fn macs(&self) -> u64 {
        let g = &self.geometry;
        (self.output().rows() * g.kernel * g.kernel * g.input.channels * g.outputs) as u64
    }

    /// Size of the weights in bytes, padding included.
    pub fn weight_bytes(&self) -> u64 {
        let g = &self.geometry;
        (g.kernel * g.kernel * g.input.groups() * 4 * self.output().groups()) as u64 * 16
    }

    /// Appends `output = activate(input * weights + bias)`.
    #[expect(clippy::too_many_arguments, reason = "the operands of one fused convolution")]
    pub fn forward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        weights: Tensor,
        bias: Option<Tensor>,
        activation: Activation,
        output: Tensor,
    ) {
        // As of depthwise convolutions.
        let may_walk = cfg!(not(target_arch = "wasm32")) && !plan.quick_start();
        let walks = may_walk && plan.class() == DeviceClass::Software && self.has_stem_filter();
        let (kernel, down) = match walks {
            true => (&kernels::DENSE_FORWARD_WALK_K3S2, rows_of_block(plan.class(), &self.output())),
            false => (&kernels::DENSE_FORWARD, 1),
        };
        let mut params = self.geometry.params(0);
        params.down = down as u32;
        let dispatch = Dispatch::new(kernel, format!("{label} forward"))
            .constant("HAS_BIAS", bias.is_some())
            .bind("input", input)
            .bind("weights", weights)
            .bind_or("bias", bias, weights)
            .bind("output", output)
            .params(&params)
            .threads(tile_threads(&self.output(), down, 4))
            .cost(self.macs(), input.bytes() + weights.bytes() + output.bytes());
        plan.dispatch(activation.configure(dispatch));
    }

    /// How the kernels are spread that go through the rows of a block, where there are some for the size.
    fn walk(&self, class: DeviceClass) -> Option<Walk> {
        let shape = self.output();
        Walk::new(class, &shape, shape.width.div_ceil(4))
    }

    /// Whether its filter is that of what all networks begin with, which has kernels of its own.
    fn has_stem_filter(&self) -> bool {
        let g = &self.geometry;
        (g.kernel, g.stride, g.input.channels) == (3, 2, 3)
    }

    /// The same where a workgroup has as few channels as they are for.
    fn is_stem(&self, walk: &Walk) -> bool {
        self.has_stem_filter() && walk.width <= STEM_WIDTH
    }

    /// The stem's kernel on the plan's matrix units for operands of `format`, where it can be taken, and how it is spread, where at most
    /// `most` slabs are to be left.
    fn on_units(
        &self,
        plan: &PlanBuilder,
        format: Format,
        of: &'static OnUnits,
        most: usize,
    ) -> Option<(&'static Kernel, Walk)> {
        self.walk(plan.class()).filter(|walk| self.is_stem(walk))?;
        let fits = self.geometry.outputs <= UNITS_OUTPUTS && units_for(plan, format)?.fit(of.kernel);
        fits.then(|| (of.kernel, Walk::in_rounds(&self.output(), of.at_once, most)))
    }

    /// The walk of the stem's weight gradient in registers, for which it reads `read` bytes, where it has a kernel of its own.
    fn stem_gradient_walk(&self, class: DeviceClass, read: u64) -> Option<Walk> {
        let walk = self.walk(class).filter(|walk| self.is_stem(walk))?;
        // Where the height has no divisor that suits a block, a slab for every row may be too many.
        let leaves_little = walk.slabs <= FEW_SLABS || 4 * self.weight_bytes() * walk.slabs as u64 <= read;
        // Wants some 250 registers: integrated devices may have 128.
        (class == DeviceClass::Discrete && leaves_little).then_some(walk)
    }

    /// Appends `output = input * weights` for a batch normalisation behind it; returns the statistics of the output where
    /// the kernel leaves them.
    pub fn forward_for_norm(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        weights: Tensor,
        output: Tensor,
    ) -> Option<Slabs> {
        let shape = self.output();
        let Some(walk) = self.walk(plan.class()) else {
            self.forward(plan, label, input, weights, None, Activation::Identity, output);
            return None;
        };
        let stem = self.is_stem(&walk);
        let (kernel, walk, filters) = match self.on_units(plan, input.format(), &FORWARD, usize::MAX) {
            Some((kernel, walk)) => (kernel, walk, false),
            None if stem => (&kernels::DENSE_STEM_STATISTICS_K3S2, walk, true),
            None => (&kernels::DENSE_FORWARD_STATISTICS, walk, false),
        };
        let slabs = walk.new_slabs(plan, format!("{label} statistics slabs"), &shape);
        let moved = [input, weights, output, slabs.partial].iter().map(Tensor::bytes).sum();
        let dispatch = Dispatch::new(kernel, format!("{label} forward"))
            .bind("input", input)
            .bind("weights", weights)
            .bind("output", output)
            .bind("partial", slabs.partial)
            .params(&self.geometry.params(0).spread(&walk))
            .cost(self.macs(), moved);
        plan.dispatch(if filters { walk.launch_with_filters(dispatch) } else { walk.launch(dispatch) });
        Some(slabs)
    }

    /// Appends the gradient with respect to the input.
    pub fn data_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        output_gradient: impl Into<GradientOperand>,
        weights: Tensor,
        input_gradient: Tensor,
    ) {
        let output_gradient = output_gradient.into().ready();
        plan.dispatch(
            Dispatch::new(&kernels::DENSE_DATA_GRADIENT, format!("{label} data gradient"))
                .bind("output_gradient", output_gradient)
                .bind("weights", weights)
                .bind("input_gradient", input_gradient)
                .params(&self.geometry.params(0))
                .threads(self.geometry.input.vectors() as u64)
                .cost(self.macs(), output_gradient.bytes() + weights.bytes() + input_gradient.bytes()),
        );
    }

    /// Whether the kernels of the weight gradient, on a device of `class`, take their gradient back through a normalisation while they load
    /// it; on software devices each tap loads it once more. The data gradient's never do.
    pub fn takes_gradients_on_load(class: DeviceClass) -> bool {
        class != DeviceClass::Software
    }

    /// Appends the gradient with respect to the weights.
    pub fn weight_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        output_gradient: impl Into<GradientOperand>,
        weight_gradient: Tensor,
        sums: &mut SlabSums,
    ) {
        let output_gradient: GradientOperand = output_gradient.into();
        let read = input.bytes() + output_gradient.bytes();
        let most = FEW_SLABS.max((read / (4 * self.weight_bytes())) as usize);
        let on_units = self.on_units(plan, output_gradient.format(), &GRADIENT, most);
        let of_stem = on_units.or_else(|| {
            let walk = self.stem_gradient_walk(plan.class(), read)?;
            Some((&kernels::DENSE_STEM_WEIGHT_GRADIENT_K3S2, walk))
        });
        if let Some((kernel, walk)) = of_stem {
            let label = format!("{label} weight gradient");
            let left = (walk.slabs, self.weight_bytes());
            let partial = sums.place(plan, &label, left, weight_gradient);
            let dispatch = Dispatch::new(kernel, label)
                .bind("input", input)
                .bind("partial", partial)
                .params(&self.geometry.params(0).spread(&walk))
                .cost(self.macs(), read + left.1 * left.0 as u64);
            plan.dispatch(output_gradient.bind(walk.launch(dispatch)));
            return;
        }
        let g = &self.geometry;
        let threads = g.kernel * g.kernel * g.input.groups() * self.output().groups();
        let slabs = g.slabs(plan.class(), threads, self.weight_bytes(), read);
        let label = format!("{label} weight gradient");
        let partial = sums.place(plan, &label, (slabs, self.weight_bytes()), weight_gradient);
        let dispatch = Dispatch::new(&kernels::DENSE_WEIGHT_GRADIENT, label.clone())
            .bind("input", input)
            .bind("partial", partial)
            .params(&g.params(slabs as u32))
            .threads((threads * slabs) as u64)
            .cost(self.macs(), read + self.weight_bytes() * slabs as u64);
        plan.dispatch(output_gradient.bind(dispatch));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Padding;
    use photonet_gpu::MatrixUnits;

    fn stem(batch: usize, side: usize, outputs: usize) -> Dense {
        let input = Shape::new(batch, side, side, 3);
        Dense { geometry: Geometry { input, outputs, kernel: 3, stride: 2, padding: Padding::Symmetric } }
    }

    #[test]
    fn the_stem_is_made_on_matrix_units_where_they_hold_its_outputs() {
        let units =
            MatrixUnits { edge: 16, workgroup_bytes: 16 << 10, invocations: 128, one_of_several: false };
        let discrete = PlanBuilder::for_class(DeviceClass::Discrete).with_matrix_units(Some(units));
        let slabs = |layer: Dense, format, of| {
            layer.on_units(&discrete, format, of, usize::MAX).map(|(_, walk)| walk.slabs)
        };
        let large = stem(256, 224, 16);
        // Whole blocks of rows, nearly as many as an H200 has at once.
        assert_eq!(slabs(large, Format::Half, &FORWARD), Some(2048));
        assert_eq!(slabs(large, Format::Brain, &GRADIENT), Some(1792));
        // The twins go down several rows as well. A prime number of rows: no slab for each where they would be too many.
        assert_eq!(
            slabs(
                Dense { geometry: Geometry { input: Shape::new(120, 72, 5, 3), ..large.geometry } },
                Format::Half,
                &FORWARD
            ),
            Some(1440)
        );
        let prime = stem(256, 94, 16).on_units(&discrete, Format::Brain, &GRADIENT, 6000);
        assert_eq!(prime.map(|(_, walk)| walk.slabs), Some(256));
        assert_eq!(slabs(large, Format::Single, &FORWARD), None);
        assert_eq!(slabs(stem(256, 224, 24), Format::Half, &FORWARD), None);
        let wide = Geometry { input: Shape::new(256, 224, 224, 16), ..large.geometry };
        assert_eq!(slabs(Dense { geometry: wide }, Format::Half, &FORWARD), None);
        let without = PlanBuilder::for_class(DeviceClass::Discrete);
        assert!(large.on_units(&without, Format::Half, &FORWARD, usize::MAX).is_none());
    }

    #[test]
    fn the_stem_has_kernels_of_its_own_where_they_leave_little() {
        let leaves = |class, batch, side| {
            let layer = stem(batch, side, 16);
            let input = layer.geometry.input;
            // Four channels of input and sixteen of the output, its gradient and itself, in single precision.
            let read = (input.rows() * 4 + 2 * layer.output().rows() * 16) as u64 * 4;
            layer
                .stem_gradient_walk(class, read)
                .map(|walk| walk.slabs as u64 * layer.weight_bytes() * 4 <= read)
        };
        assert_eq!(leaves(DeviceClass::Discrete, 256, 224), Some(true));
        assert_eq!(leaves(DeviceClass::Discrete, 32, 128), Some(true));
        // A prime number of rows, 47: a slab for each, but few in all.
        assert_eq!(leaves(DeviceClass::Discrete, 2, 94), Some(false));
        assert_eq!(leaves(DeviceClass::Discrete, 32, 94), None);
        assert_eq!(leaves(DeviceClass::Integrated, 32, 128), None);
    }
}
