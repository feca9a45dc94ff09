//! 1x1 convolutions and linear layers: one matrix product over all positions.

use crate::columns::Columns;
use crate::{Activation, pad_channels};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// The output tile of a workgroup; see `shaders/shared/gemm.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    rows: usize,
    columns: usize,
    /// Relative time of one multiply-accumulate: larger tiles load less for each.
    cost: usize,
}

/// From the smallest to the largest; the order of the kernels in [`Pointwise`]'s launches.
const TILES: [Tile; 3] = [
    Tile { rows: 32, columns: 32, cost: 10 },
    Tile { rows: 64, columns: 32, cost: 8 },
    Tile { rows: 64, columns: 64, cost: 6 },
];

/// The tile with the least work for a product of `rows` x `columns` outputs, edges included, among
/// those that still give `workgroups` workgroups. Returns its place in [`TILES`].
fn choose_tile(rows: usize, columns: usize, workgroups: usize) -> usize {
    let tiles = |t: &Tile| rows.div_ceil(t.rows) * columns.div_ceil(t.columns);
    let work = |t: &Tile| tiles(t) * t.rows * t.columns * t.cost;
    let mut best = 0;
    for (index, tile) in TILES.iter().enumerate().skip(1) {
        if tiles(tile) >= workgroups && work(tile) < work(&TILES[best]) {
            best = index;
        }
    }
    best
}

/// Workgroups below which a larger tile would leave a large device idle.
const ENOUGH_WORKGROUPS: usize = 64;

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

    fn traffic(&self) -> u64 {
        (self.rows * (pad_channels(self.inputs) + pad_channels(self.outputs)) * 4) as u64
            + self.weight_bytes()
    }

    fn params(&self, columns: usize, tile: Tile) -> Params {
        Params {
            rows: self.rows as u32,
            inputs: (pad_channels(self.inputs) / 4) as u32,
            outputs: (pad_channels(self.outputs) / 4) as u32,
            column_tiles: pad_channels(columns).div_ceil(tile.columns) as u32,
        }
    }

    /// The tile for a product over the rows with `columns` output columns, and its workgroups.
    fn tiles(&self, columns: usize) -> (usize, u64) {
        let columns = pad_channels(columns);
        let choice = choose_tile(self.rows, columns, ENOUGH_WORKGROUPS);
        let tile = TILES[choice];
        (choice, (self.rows.div_ceil(tile.rows) * columns.div_ceil(tile.columns)) as u64)
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
        let (tile, groups) = self.tiles(self.outputs);
        let kernel = [
            &kernels::POINTWISE_FORWARD_32X32,
            &kernels::POINTWISE_FORWARD_64X32,
            &kernels::POINTWISE_FORWARD_64X64,
        ][tile];
        let dispatch = Dispatch::new(kernel, format!("{label} forward"))
            .constant("HAS_BIAS", bias.is_some())
            .constant("HAS_RESIDUAL", residual.is_some())
            .bind("input", input)
            .bind("weights", weights)
            // A binding cannot be left out: what is switched off is bound to something readable.
            .bind("bias", bias.unwrap_or(weights))
            .bind("residual", residual.unwrap_or(input))
            .bind("output", output)
            .params(&self.params(self.outputs, TILES[tile]))
            .groups(groups)
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
        let (tile, groups) = self.tiles(self.inputs);
        let kernel = [
            &kernels::POINTWISE_DATA_GRADIENT_32X32,
            &kernels::POINTWISE_DATA_GRADIENT_64X32,
            &kernels::POINTWISE_DATA_GRADIENT_64X64,
        ][tile];
        plan.dispatch(
            Dispatch::new(kernel, format!("{label} data gradient"))
                .constant("HAS_RESIDUAL", residual.is_some())
                .bind("output_gradient", output_gradient)
                .bind("weights", weights)
                .bind("residual", residual.unwrap_or(output_gradient))
                .bind("input_gradient", input_gradient)
                .params(&self.params(self.inputs, TILES[tile]))
                .groups(groups)
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
        let Split { tile, tiles, slabs, rows_per_slab } = self.split();
        let row_tiles = pad_channels(self.inputs).div_ceil(TILES[tile].rows);
        let params = SplitParams {
            product: self.params(self.outputs, TILES[tile]),
            row_tiles: row_tiles as u32,
            rows_per_slab: rows_per_slab as u32,
            unused: [0; 2],
        };
        let kernel = [
            &kernels::POINTWISE_WEIGHT_GRADIENT_32X32,
            &kernels::POINTWISE_WEIGHT_GRADIENT_64X32,
            &kernels::POINTWISE_WEIGHT_GRADIENT_64X64,
        ][tile];
        let slabs = slabs as u64;
        let partial = match slabs {
            1 => weight_gradient,
            _ => plan.transient(format!("{label} weight gradient slabs"), self.weight_bytes() * slabs),
        };
        plan.dispatch(
            Dispatch::new(kernel, format!("{label} weight gradient"))
                .bind("input", input)
                .bind("output_gradient", output_gradient)
                .bind("partial", partial)
                .params(&params)
                .groups(tiles as u64 * slabs)
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

    /// How the rows are cut for the weight gradient: pieces of at least 512 rows, at most 64, as
    /// many as fill a device beside the output tiles.
    fn split(&self) -> Split {
        let (inputs, outputs) = (pad_channels(self.inputs), pad_channels(self.outputs));
        let tile = choose_tile(inputs, outputs, 1);
        let tiles = inputs.div_ceil(TILES[tile].rows) * outputs.div_ceil(TILES[tile].columns);
        let wanted = (256 / tiles).clamp(1, 64);
        let rows_per_slab = self.rows.div_ceil(wanted).max(512).next_multiple_of(32);
        Split { tile, tiles, slabs: self.rows.div_ceil(rows_per_slab).max(1), rows_per_slab }
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
                let Split { slabs, rows_per_slab, .. } = Pointwise { rows, inputs, outputs }.split();
                assert!(slabs * rows_per_slab >= rows);
                assert!((slabs - 1) * rows_per_slab < rows);
                assert!(slabs <= 64);
            }
        }
    }

    #[test]
    fn tiles_follow_the_shape() {
        // Narrow outputs waste half of a wide tile; few rows would leave a device idle.
        assert_eq!(choose_tile(100_000, 16, 64), 1);
        assert_eq!(choose_tile(100_000, 64, 64), 2);
        assert_eq!(choose_tile(100_000, 128, 64), 2);
        assert_eq!(choose_tile(32, 576, 64), 0);
        assert_eq!(choose_tile(1, 1000, 64), 0);
    }
}
