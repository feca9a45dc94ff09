//! 1x1 convolutions and linear layers: one matrix product over all positions.

mod backward;
mod packed;
pub(crate) mod tiles;
mod whole;

pub use backward::ProductGradients;

use crate::operand::pass;
use crate::{Activation, Operand, Slabs, pad_channels};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, Kernel, PlanBuilder, Tensor};
use tiles::{
    FORWARD, FORWARD_STATISTICS, MATRIX_FORWARD, MATRIX_FORWARD_STATISTICS, Offer, QUICK_FORWARD,
    QUICKEST_FORWARD, Tile, Worker, choose_tile, enough_tiles, fitting, in_workgroups, on_matrix_units,
};

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

/// A kernel for one pass, how many of its tiles that takes, and the question that it answers.
struct Choice {
    offer: Offer,
    count: usize,
    question: String,
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

    /// Which question `pass` is for this shape.
    fn asked(&self, pass: &str) -> String {
        let Self { rows, inputs, outputs } = self;
        format!("pointwise/{pass} {rows}x{inputs}x{outputs}")
    }

    /// What to take of `offers`, which all fit the device, and of those on matrix units, for a product over the rows with `columns`
    /// output columns, the inputs or the outputs.
    fn choose(
        &self,
        plan: &mut PlanBuilder,
        pass: &str,
        columns: usize,
        offers: &[Offer],
        on_units: &[Offer],
    ) -> Choice {
        let class = plan.class();
        let wanted = enough_tiles(class, plan.subgroups());
        let inner = pad_channels(if columns == self.outputs { self.inputs } else { self.outputs });
        let columns = pad_channels(columns);
        let offers = [offers, on_units].concat();
        let default = choose_tile(&offers, class, self.rows, columns, inner, wanted);
        let question = self.asked(pass);
        let offer = offers[plan.choose(&question, offers.len(), default)];
        Choice { offer, count: offer.tile.count(self.rows, columns), question }
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
        let offers = if plan.quick_start() { QUICKEST_FORWARD } else { QUICK_FORWARD };
        let input = input.into();
        let on_units = on_matrix_units(plan, input.tensor.format(), MATRIX_FORWARD);
        let choice = self.choose(plan, &pass, self.outputs, &fitting(offers, plan), on_units);
        self.forward_by(plan, label, input, weights, fused, output, choice);
    }

    #[expect(clippy::too_many_arguments, reason = "the operands of one fused pass")]
    fn forward_by(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Operand,
        weights: Tensor,
        fused: &Fused,
        output: Tensor,
        Choice { offer: Offer { tile, kernel, .. }, count, question }: Choice,
    ) {
        let Fused { gate, bias, residual, .. } = *fused;
        let params = self.forward_params(tile, fused);
        let weights = self.as_loaded(plan, kernel, weights);
        let dispatch = tile
            .launch(count, Dispatch::new(kernel, format!("{label} forward")))
            .bind("weights", weights)
            .bind_or("bias", bias, weights)
            .bind_or("residual", residual, input.tensor)
            .bind("output", output)
            .params(&params)
            .answers(question)
            .cost(self.macs(), input.tensor.bytes() + weights.bytes() + output.bytes());
        plan.dispatch(match tile.worker {
            Worker::Workgroup => self.gate(gate, input, dispatch),
            Worker::Invocation | Worker::Subgroup => {
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
        let in_tiles =
            |plan: &mut PlanBuilder| self.tiles_for_norm(plan, label, input, gate, weights, output);
        match gate {
            Some(_) => in_tiles(plan),
            None => self.forward_whole_or(plan, label, input, weights, output, in_tiles),
        }
    }

    /// The same in tiles.
    fn tiles_for_norm(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Operand,
        gate: Option<Gate>,
        weights: Tensor,
        output: Tensor,
    ) -> Option<Slabs> {
        let pass = pass("forward_for_norm", output, weights);
        if !in_workgroups(plan.class()) {
            let fused = Fused { gate, ..Fused::default() };
            let choice = self.choose(plan, &pass, self.outputs, &fitting(FORWARD, plan), &[]);
            self.forward_by(plan, label, input, weights, &fused, output, choice);
            return None;
        }
        let on_units = on_matrix_units(plan, input.tensor.format(), MATRIX_FORWARD_STATISTICS);
        let Choice { offer: Offer { tile, kernel, .. }, count, question } =
            self.choose(plan, &pass, self.outputs, FORWARD_STATISTICS, on_units);
        let slabs = self.new_slabs(plan, format!("{label} statistics slabs"), tile, self.outputs);
        let params = self.forward_params(tile, &Fused { gate, ..Fused::default() });
        let weights = self.as_loaded(plan, kernel, weights);
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

    /// The weights as a kernel in tiles loads them.
    fn as_loaded(&self, plan: &mut PlanBuilder, kernel: &Kernel, weights: Tensor) -> Tensor {
        // A page has no matrix units.
        if kernel.matrix && cfg!(not(target_arch = "wasm32")) { self.packed(plan, weights) } else { weights }
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
}
