//! 1x1 convolutions and linear layers: one matrix product over all positions.

mod tiles;

use crate::columns::Columns;
use crate::operand::pass;
use crate::slabs::{slab_count, sum_slabs};
use crate::{Activation, Behind, GradientOperand, Operand, OutputGradient, Slabs, Target, pad_channels};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{DeviceClass, Dispatch, Kernel, PlanBuilder, Tensor, kernels};
use tiles::{
    QUICK_TILES, QUICKEST_TILES, TILES, Tile, WEIGHT_TILES, Worker, choose_tile, enough_tiles, worker,
};

/// The kernels that leave statistics or sums for a batch normalisation, for the tiles of a workgroup. In registers
/// a tile has few rows, and as much would be left as there is output.
const STATISTICS_KERNELS: [&Kernel; 3] = [
    &kernels::POINTWISE_FORWARD_STATISTICS_32X32,
    &kernels::POINTWISE_FORWARD_STATISTICS_64X32,
    &kernels::POINTWISE_FORWARD_STATISTICS_64X64,
];
const SUMS_KERNELS: [&Kernel; 3] = [
    &kernels::POINTWISE_DATA_GRADIENT_SUMS_32X32,
    &kernels::POINTWISE_DATA_GRADIENT_SUMS_64X32,
    &kernels::POINTWISE_DATA_GRADIENT_SUMS_64X64,
];

/// A 1x1 convolution over `rows` positions; a linear layer when a row is an image.
///
/// Weights are `[inputs][outputs]`, both padded to multiples of 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointwise {
    /// Positions: batch * height * width.
    pub rows: usize,
    /// Input channels, without padding.
    pub inputs: usize,
    /// Output channels, without padding.
    pub outputs: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    column_tiles: u32,
}

/// What a product does beside multiplying: `activate((input * gate) weights + bias) + residual`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fused {
    /// Squeeze-excite's factor, `[image][inputs]`.
    pub gate: Option<Gate>,
    /// `[outputs]`.
    pub bias: Option<Tensor>,
    /// Applied to the sum.
    pub activation: Activation,
    /// Added at the end, `[rows][outputs]`.
    pub residual: Option<Tensor>,
}

/// A factor for every channel of every image.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// `[image][channels]`.
    pub factors: Tensor,
    /// Positions of an image, which share the factors.
    pub rows_per_image: usize,
}

/// The constant `GATE` of `shaders/shared/gate.wgsl`; the tiles in registers have a uniform for one image instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gating {
    None,
    /// One for all rows, read once for all of them.
    OneImage,
    EachImage,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ForwardParams {
    product: Params,
    rows_per_image: u32,
    activation: u32,
    slope: f32,
    operands: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SplitParams {
    product: Params,
    row_tiles: u32,
    rows_per_slab: u32,
    slabs: u32,
    rows_per_image: u32,
}

/// How a weight gradient is spread: output tiles, and slabs of rows.
struct Split {
    tile: usize,
    tiles: usize,
    slabs: usize,
    rows_per_slab: usize,
}

impl Pointwise {
    /// Multiply-accumulates of one pass.
    pub fn macs(&self) -> u64 {
        (self.rows * self.inputs * self.outputs) as u64
    }

    /// Size of the weights in bytes, padding included.
    pub fn weight_bytes(&self) -> u64 {
        (pad_channels(self.inputs) * pad_channels(self.outputs) * 4) as u64
    }

    fn params(&self, columns: usize, tile: Tile) -> Params {
        Params {
            rows: self.rows as u32,
            inputs: (pad_channels(self.inputs) / 4) as u32,
            outputs: (pad_channels(self.outputs) / 4) as u32,
            column_tiles: pad_channels(columns).div_ceil(tile.columns) as u32,
        }
    }

    fn forward_params(&self, tile: Tile, fused: &Fused) -> ForwardParams {
        ForwardParams {
            product: self.params(self.outputs, tile),
            rows_per_image: self.rows_per_image(fused.gate),
            activation: fused.activation.number(),
            slope: fused.activation.slope(),
            operands: u32::from(fused.bias.is_some())
                | u32::from(fused.residual.is_some()) << 1
                | u32::from(self.gating(fused.gate) == Gating::OneImage) << 2,
        }
    }

    /// The tile for a product over the rows with `columns` output columns, how many there are, and the question that
    /// it answers.
    fn tiles(
        &self,
        plan: &mut PlanBuilder,
        pass: &str,
        columns: usize,
        offered: &[Tile],
    ) -> (usize, u64, String) {
        let class = plan.class();
        let columns = pad_channels(columns);
        let default = choose_tile(offered, class, self.rows, columns, enough_tiles(class));
        let Self { rows, inputs, outputs } = self;
        let question = format!("pointwise/{pass} {rows}x{inputs}x{outputs}");
        // Of the tiles of the same worker: the others suit no device of the class.
        let worker = offered[default].worker;
        let first = offered.iter().position(|tile| tile.worker == worker).unwrap_or(default);
        let options = offered.iter().filter(|tile| tile.worker == worker).count();
        let choice = first + plan.choose(&question, options, default - first);
        let tile = TILES[choice];
        (choice, (self.rows.div_ceil(tile.rows) * columns.div_ceil(tile.columns)) as u64, question)
    }

    /// Appends `output = activate((input * gate) weights + bias) + residual`.
    pub fn forward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: impl Into<Operand>,
        weights: Tensor,
        fused: &Fused,
        output: Tensor,
    ) {
        let pass = pass("forward", output, weights);
        let offered = if plan.quick_start() { QUICKEST_TILES } else { QUICK_TILES };
        let tiles = self.tiles(plan, &pass, self.outputs, offered);
        self.forward_in(plan, label, input.into(), weights, fused, output, tiles);
    }

    #[expect(clippy::too_many_arguments, reason = "the operands of one fused pass")]
    fn forward_in(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Operand,
        weights: Tensor,
        fused: &Fused,
        output: Tensor,
        (tile, count, question): (usize, u64, String),
    ) {
        let Fused { gate, bias, residual, .. } = *fused;
        let kernel = [
            &kernels::POINTWISE_FORWARD_32X32,
            &kernels::POINTWISE_FORWARD_64X32,
            &kernels::POINTWISE_FORWARD_64X64,
            &kernels::POINTWISE_FORWARD_DIRECT_8X2,
            &kernels::POINTWISE_FORWARD_DIRECT_16X2,
            &kernels::POINTWISE_FORWARD_DIRECT_16X4,
        ][tile];
        let params = self.forward_params(TILES[tile], fused);
        let dispatch = TILES[tile]
            .launch(count, Dispatch::new(kernel, format!("{label} forward")))
            .bind("weights", weights)
            .bind_or("bias", bias, weights)
            .bind_or("residual", residual, input.tensor)
            .bind("output", output)
            .params(&params)
            .answers(question)
            .cost(self.macs(), input.tensor.bytes() + weights.bytes() + output.bytes());
        plan.dispatch(match TILES[tile].worker {
            Worker::Workgroup => self.gate(gate, input, dispatch),
            Worker::Invocation => {
                let factors = gate.map(|gate| gate.factors);
                let each = self.gating(gate) == Gating::EachImage;
                input.bind(dispatch).bind_or("gate", factors, input.tensor).constant("GATE_EACH", each)
            }
        });
    }

    /// Appends `output = (input * gate) weights` for a batch normalisation behind it; returns the statistics of the
    /// output where the kernel leaves them.
    pub fn forward_for_norm(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Operand,
        gate: Option<Gate>,
        weights: Tensor,
        output: Tensor,
    ) -> Option<Slabs> {
        let pass = pass("forward_for_norm", output, weights);
        let (choice, count, question) = self.tiles(plan, &pass, self.outputs, TILES);
        let tile = TILES[choice];
        let Some(kernel) = STATISTICS_KERNELS.get(choice) else {
            let fused = Fused { gate, ..Fused::default() };
            self.forward_in(plan, label, input, weights, &fused, output, (choice, count, question));
            return None;
        };
        let slabs = self.new_slabs(plan, format!("{label} statistics slabs"), tile, self.outputs);
        let params = self.forward_params(tile, &Fused { gate, ..Fused::default() });
        let dispatch = tile
            .launch(count, Dispatch::new(kernel, format!("{label} forward")))
            .bind("weights", weights)
            .bind("output", output)
            .bind("partial", slabs.partial)
            .params(&params)
            .answers(question)
            .cost(
                self.macs(),
                input.tensor.bytes() + weights.bytes() + output.bytes() + slabs.partial.bytes(),
            );
        plan.dispatch(self.gate(gate, input, dispatch));
        Some(slabs)
    }

    /// A slab for each row of tiles.
    fn new_slabs(&self, plan: &mut PlanBuilder, label: String, tile: Tile, columns: usize) -> Slabs {
        Slabs::new(plan, label, self.rows.div_ceil(tile.rows), tile.rows, pad_channels(columns) / 4)
    }

    fn rows_per_image(&self, gate: Option<Gate>) -> u32 {
        gate.map_or(self.rows, |gate| gate.rows_per_image) as u32
    }

    fn gating(&self, gate: Option<Gate>) -> Gating {
        match gate {
            None => Gating::None,
            Some(gate) if gate.rows_per_image >= self.rows => Gating::OneImage,
            Some(_) => Gating::EachImage,
        }
    }

    /// Binds the input and its gate.
    fn gate(&self, gate: Option<Gate>, input: Operand, dispatch: Dispatch) -> Dispatch {
        let factors = gate.map(|gate| gate.factors);
        let gating = self.gating(gate) as u32;
        input.bind(dispatch).bind_or("gate", factors, input.tensor).constant("GATE", gating)
    }

    /// Whether the backward kernels of a device take their gradient back through a normalisation while they load it: where
    /// loading is what takes long.
    pub fn takes_gradients_on_load(class: DeviceClass) -> bool {
        worker(class) == Worker::Workgroup
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
        let (output_gradient, target): (GradientOperand, Target) = (output_gradient.into(), target.into());
        let input_gradient = target.tensor;
        let (tile, count, question) =
            self.tiles(plan, &pass("data_gradient", input_gradient, weights), self.inputs, TILES);
        let kernel = [
            &kernels::POINTWISE_DATA_GRADIENT_32X32,
            &kernels::POINTWISE_DATA_GRADIENT_64X32,
            &kernels::POINTWISE_DATA_GRADIENT_64X64,
            &kernels::POINTWISE_DATA_GRADIENT_DIRECT_8X2,
            &kernels::POINTWISE_DATA_GRADIENT_DIRECT_16X2,
            &kernels::POINTWISE_DATA_GRADIENT_DIRECT_16X4,
        ][tile];
        let dispatch = TILES[tile]
            .launch(count, Dispatch::new(kernel, format!("{label} data gradient")))
            .constant("ADDS", target.adds)
            .bind("weights", weights)
            .bind("input_gradient", input_gradient)
            .params(&self.params(self.inputs, TILES[tile]))
            .answers(question)
            .cost(self.macs(), output_gradient.bytes() + weights.bytes() + target.bytes());
        plan.dispatch(match TILES[tile].worker {
            Worker::Workgroup => output_gradient.bind(dispatch),
            Worker::Invocation => dispatch.bind("output_gradient", output_gradient.ready()),
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
        let (choice, count, question) =
            self.tiles(plan, &pass("data_gradient", target.tensor, weights), self.inputs, TILES);
        let tile = TILES[choice];
        let Some(kernel) = SUMS_KERNELS.get(choice) else {
            self.data_gradient(plan, label, output_gradient, weights, target);
            return target.tensor.into();
        };
        let slabs = self.new_slabs(plan, format!("{label} gradient slabs"), tile, self.inputs);
        let dispatch = tile
            .launch(count, Dispatch::new(kernel, format!("{label} data gradient")))
            .params(&self.params(self.inputs, tile))
            .bind("partial", slabs.partial)
            .answers(question);
        let cost = (self.macs(), slabs.partial.bytes());
        behind.append(plan, dispatch, cost, output_gradient, weights, target, slabs)
    }

    /// Appends `weight_gradient = (input * gate)^T output_gradient`.
    pub fn weight_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: impl Into<Operand>,
        gate: Option<Gate>,
        output_gradient: impl Into<GradientOperand>,
        weight_gradient: Tensor,
    ) {
        let (input, output_gradient): (Operand, GradientOperand) = (input.into(), output_gradient.into());
        let Split { tile, tiles, slabs, rows_per_slab } = self.split(plan.class());
        let row_tiles = pad_channels(self.inputs).div_ceil(WEIGHT_TILES[tile].rows);
        let params = SplitParams {
            product: self.params(self.outputs, WEIGHT_TILES[tile]),
            row_tiles: row_tiles as u32,
            rows_per_slab: rows_per_slab as u32,
            slabs: slabs as u32,
            rows_per_image: self.rows_per_image(gate),
        };
        let kernel = [
            &kernels::POINTWISE_WEIGHT_GRADIENT_32X32,
            &kernels::POINTWISE_WEIGHT_GRADIENT_64X32,
            &kernels::POINTWISE_WEIGHT_GRADIENT_64X64,
            &kernels::POINTWISE_WEIGHT_GRADIENT_DIRECT_2X2,
            &kernels::POINTWISE_WEIGHT_GRADIENT_DIRECT_4X4,
        ][tile];
        let partial = match slabs {
            1 => weight_gradient,
            _ => plan.transient(format!("{label} weight gradient slabs"), self.weight_bytes() * slabs as u64),
        };
        let dispatch = WEIGHT_TILES[tile]
            .launch((tiles * slabs) as u64, Dispatch::new(kernel, format!("{label} weight gradient")))
            .bind("partial", partial)
            .params(&params)
            .cost(
                self.macs(),
                input.tensor.bytes() + output_gradient.bytes() + self.weight_bytes() * slabs as u64,
            );
        let dispatch = match WEIGHT_TILES[tile].worker {
            Worker::Workgroup => output_gradient.bind(dispatch),
            Worker::Invocation => dispatch.bind("output_gradient", output_gradient.ready()),
        };
        plan.dispatch(self.gate(gate, input, dispatch));
        if slabs > 1 {
            sum_slabs(
                plan,
                &format!("{label} weight gradient"),
                slabs,
                self.weight_bytes(),
                partial,
                weight_gradient,
            );
        }
    }

    /// How the rows are cut for the weight gradient: into pieces that keep a device busy beside the output tiles, and are no
    /// shorter than pays.
    fn split(&self, class: DeviceClass) -> Split {
        let (inputs, outputs) = (pad_channels(self.inputs), pad_channels(self.outputs));
        let choice = choose_tile(WEIGHT_TILES, class, inputs, outputs, 1);
        let tile = WEIGHT_TILES[choice];
        let tiles = inputs.div_ceil(tile.rows) * outputs.div_ceil(tile.columns);
        let (invocations, shortest) = match tile.worker {
            Worker::Workgroup => (64 * tiles, 128),
            // A tile in registers counts for many: its invocation is not one of a thousand that take turns.
            Worker::Invocation => (32 * tiles, 64),
        };
        let read = (self.rows * (inputs + outputs) * 4) as u64;
        // Multiplying takes as long as reading here: what is left may be as much as what is read.
        let slabs = slab_count(class, self.rows, invocations, self.weight_bytes(), read);
        let rows_per_slab = self.rows.div_ceil(slabs).max(shortest).next_multiple_of(32);
        Split { tile: choice, tiles, slabs: self.rows.div_ceil(rows_per_slab).max(1), rows_per_slab }
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
        for class in [DeviceClass::Discrete, DeviceClass::Software] {
            for rows in [1, 49, 512, 513, 12_544, 401_408] {
                for (inputs, outputs) in [(8, 8), (16, 64), (960, 160), (3, 30)] {
                    let Split { slabs, rows_per_slab, .. } = Pointwise { rows, inputs, outputs }.split(class);
                    assert!(slabs * rows_per_slab >= rows);
                    assert!((slabs - 1) * rows_per_slab < rows);
                    assert!(class != DeviceClass::Software || slabs <= 64);
                }
            }
        }
    }
}
