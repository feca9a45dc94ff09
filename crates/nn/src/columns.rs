//! How reductions over rows are spread over workgroups (see `shaders/shared/columns.wgsl`).

use bytemuck::{Pod, Zeroable};
use photonet_gpu::{Dispatch, PlanBuilder, Tensor, kernels};

/// The uniform of a reduction over rows; channels in groups of 4.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub(crate) struct Columns {
    pub rows: u32,
    pub channels: u32,
    /// Neighbouring channel groups that one workgroup takes.
    pub width: u32,
    /// Workgroups side by side that cover all channel groups.
    pub strips: u32,
    pub rows_per_slab: u32,
    pub slabs: u32,
    unused: [u32; 2],
}

impl Columns {
    /// Strips as equal as possible and at most 64 wide; slabs of at least `min_rows` rows, so many
    /// that there is work for a large device, at most 64 so that adding them up stays cheap.
    pub(crate) fn slabs(rows: usize, channels: usize, min_rows: usize) -> Self {
        let (width, strips) = strips(channels);
        let wanted = (256 / strips).clamp(1, 64);
        let rows_per_slab = rows.div_ceil(wanted).max(min_rows).max(1);
        let slabs = rows.div_ceil(rows_per_slab).max(1);
        Self::from_sizes(rows, channels, width, strips, rows_per_slab, slabs)
    }

    /// One slab for each image of `rows` rows.
    pub(crate) fn images(images: usize, rows: usize, channels: usize) -> Self {
        let (width, strips) = strips(channels);
        Self::from_sizes(rows, channels, width, strips, rows, images)
    }

    fn from_sizes(
        rows: usize,
        channels: usize,
        width: usize,
        strips: usize,
        per_slab: usize,
        slabs: usize,
    ) -> Self {
        Self {
            rows: rows as u32,
            channels: channels as u32,
            width: width as u32,
            strips: strips as u32,
            rows_per_slab: per_slab as u32,
            slabs: slabs as u32,
            unused: [0; 2],
        }
    }

    /// Workgroups of the launch.
    pub(crate) fn workgroups(&self) -> u64 {
        u64::from(self.strips) * u64::from(self.slabs)
    }
}

fn strips(channels: usize) -> (usize, usize) {
    // At most 16 wide keeps at least four invocations on each channel group.
    let strips = channels.div_ceil(16).max(1);
    (channels.div_ceil(strips), strips)
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
    fn every_row_and_channel_is_covered_once() {
        for channels in [1, 2, 5, 18, 64, 65, 240] {
            for rows in [1, 7, 64, 1000, 401_408] {
                let c = Columns::slabs(rows, channels, 32);
                assert!(c.width <= 64 && c.width * c.strips >= c.channels);
                assert!(c.width * (c.strips - 1) < c.channels, "an empty strip");
                assert!(c.rows_per_slab * c.slabs >= c.rows);
                assert!(c.rows_per_slab * (c.slabs - 1) < c.rows, "an empty slab");
                assert!(c.slabs <= 64);
            }
        }
    }
}
