//! 1x1 convolutions and linear layers: one matrix product over all positions.

use crate::columns::Columns;
use crate::{Activation, pad_channels};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// Side of a workgroup's output tile, in elements.
const TILE: usize = 32;

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

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SplitParams {
    product: Params,
    row_tiles: u32,
    rows_per_slab: u32,
    unused: [u32; 2],
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

    fn traffic(&self) -> u64 {
        (self.rows * (pad_channels(self.inputs) + pad_channels(self.outputs)) * 4) as u64
            + self.weight_bytes()
    }

    fn params(&self, columns: usize) -> Params {
        Params {
            rows: self.rows as u32,
            inputs: (pad_channels(self.inputs) / 4) as u32,
            outputs: (pad_channels(self.outputs) / 4) as u32,
            column_tiles: pad_channels(columns).div_ceil(TILE) as u32,
        }
    }

    /// Workgroups for a product with `columns` output columns.
    fn tiles(&self, columns: usize) -> u64 {
        (self.rows.div_ceil(TILE) * pad_channels(columns).div_ceil(TILE)) as u64
    }

    /// Appends `output = activate(input weights + bias) + residual`.
    #[expect(clippy::too_many_arguments, reason = "the operands of one fused product")]
    pub fn forward(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        weights: Tensor,
        bias: Option<Tensor>,
        activation: Activation,
        residual: Option<Tensor>,
        output: Tensor,
    ) {
        let dispatch = Dispatch::new(&kernels::POINTWISE_FORWARD, format!("{label} forward"))
            .constant("HAS_BIAS", bias.is_some())
            .constant("HAS_RESIDUAL", residual.is_some())
            .bind("input", input)
            .bind("weights", weights)
            // A binding cannot be left out: what is switched off is bound to something readable.
            .bind("bias", bias.unwrap_or(weights))
            .bind("residual", residual.unwrap_or(input))
            .bind("output", output)
            .params(&self.params(self.outputs))
            .groups(self.tiles(self.outputs))
            .cost(self.macs(), self.traffic());
        plan.dispatch(activation.configure(dispatch));
    }

    /// Appends `input_gradient = output_gradient weights^T + residual`.
    pub fn data_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        output_gradient: Tensor,
        weights: Tensor,
        residual: Option<Tensor>,
        input_gradient: Tensor,
    ) {
        plan.dispatch(
            Dispatch::new(&kernels::POINTWISE_DATA_GRADIENT, format!("{label} data gradient"))
                .constant("HAS_RESIDUAL", residual.is_some())
                .bind("output_gradient", output_gradient)
                .bind("weights", weights)
                .bind("residual", residual.unwrap_or(output_gradient))
                .bind("input_gradient", input_gradient)
                .params(&self.params(self.inputs))
                .groups(self.tiles(self.inputs))
                .cost(self.macs(), self.traffic()),
        );
    }

    /// Appends `weight_gradient = input^T output_gradient`.
    pub fn weight_gradient(
        &self,
        plan: &mut PlanBuilder,
        label: &str,
        input: Tensor,
        output_gradient: Tensor,
        weight_gradient: Tensor,
    ) {
        let (slabs, rows_per_slab) = self.split();
        let row_tiles = pad_channels(self.inputs).div_ceil(TILE);
        let params = SplitParams {
            product: self.params(self.outputs),
            row_tiles: row_tiles as u32,
            rows_per_slab,
            unused: [0; 2],
        };
        let partial = match slabs {
            1 => weight_gradient,
            _ => plan.transient(format!("{label} weight gradient slabs"), self.weight_bytes() * slabs),
        };
        plan.dispatch(
            Dispatch::new(&kernels::POINTWISE_WEIGHT_GRADIENT, format!("{label} weight gradient"))
                .bind("input", input)
                .bind("output_gradient", output_gradient)
                .bind("partial", partial)
                .params(&params)
                .groups(u64::from(params.product.column_tiles) * row_tiles as u64 * slabs)
                .cost(self.macs(), self.traffic() + self.weight_bytes() * (slabs - 1)),
        );
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

    /// Into how many slabs the rows are cut for the weight gradient, and the rows of each: pieces
    /// of at least 512 rows, at most 64, as many as fill a device beside the output tiles.
    fn split(&self) -> (u64, u32) {
        let tiles = pad_channels(self.outputs).div_ceil(TILE) * pad_channels(self.inputs).div_ceil(TILE);
        let wanted = (256 / tiles).clamp(1, 64);
        let rows_per_slab = self.rows.div_ceil(wanted).max(512).next_multiple_of(TILE);
        (self.rows.div_ceil(rows_per_slab).max(1) as u64, rows_per_slab as u32)
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
        plan.dispatch(
            Dispatch::new(&kernels::REDUCE_COLUMNS, format!("{label} bias gradient"))
                .bind("input", output_gradient)
                .bind("output", bias_gradient)
                .params(&columns)
                .groups(columns.workgroups())
                .cost(0, (self.rows * pad_channels(self.outputs) * 4) as u64),
        );
    }
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SumParams {
    length: u32,
    slabs: u32,
    unused: [u32; 2],
}

/// Appends the sum of `slabs` tensors of `bytes` bytes each that lie behind one another in `partial`.
pub(crate) fn sum_slabs(
    plan: &mut PlanBuilder,
    label: &str,
    slabs: u64,
    bytes: u64,
    partial: Tensor,
    output: Tensor,
) {
    plan.dispatch(
        Dispatch::new(&kernels::REDUCE_SUM, format!("{label} sum"))
            .bind("partial", partial)
            .bind("output", output)
            .params(&SumParams { length: (bytes / 16) as u32, slabs: slabs as u32, unused: [0; 2] })
            .threads(bytes / 16)
            .cost(0, bytes * (slabs + 1)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs_cover_the_rows_and_are_never_empty() {
        for rows in [1, 49, 512, 513, 12_544, 401_408] {
            for (inputs, outputs) in [(8, 8), (16, 64), (960, 160), (3, 30)] {
                let (slabs, per) = Pointwise { rows, inputs, outputs }.split();
                assert!(slabs * u64::from(per) >= rows as u64);
                assert!((slabs - 1) * u64::from(per) < rows as u64);
                assert!(slabs <= 64);
            }
        }
    }
}
