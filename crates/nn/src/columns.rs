//! How reductions over rows are spread over workgroups (see `shaders/shared/columns.wgsl`).

use crate::slabs::busy;
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{DeviceClass, Dispatch};

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
    /// Strips as equal as possible; slabs of at least `min_rows` rows, so many that a device of the class is busy, and no more than are
    /// quickly joined afterwards.
    pub(crate) fn slabs(class: DeviceClass, rows: usize, channels: usize, min_rows: usize) -> Self {
        // On a software device joining what invocations have takes longer than adding up: wide strips leave few to a channel group.
        let (widest, most) = match class {
            DeviceClass::Software => (64, 64),
            DeviceClass::Integrated | DeviceClass::Discrete => (16, 1024),
        };
        let (width, strips) = strips(channels, widest);
        let wanted = (busy(class) / 64 / strips).clamp(1, most);
        let rows_per_slab = rows.div_ceil(wanted).max(min_rows).max(1);
        let slabs = rows.div_ceil(rows_per_slab).max(1);
        Self::from_sizes(rows, channels, width, strips, rows_per_slab, slabs)
    }

    /// One slab for each image of `rows` rows.
    pub(crate) fn images(images: usize, rows: usize, channels: usize) -> Self {
        let (width, strips) = strips(channels, 16);
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

    /// A launch over images: a GPU, which has few of them, takes more invocations to each.
    pub(crate) fn launch(&self, class: DeviceClass, dispatch: Dispatch) -> Dispatch {
        let workgroup = match class {
            DeviceClass::Software => 64,
            DeviceClass::Integrated | DeviceClass::Discrete => 256,
        };
        dispatch.constant("WORKGROUP", workgroup).params(self).groups(self.workgroups())
    }

    /// Workgroups of the launch.
    pub(crate) fn workgroups(&self) -> u64 {
        u64::from(self.strips) * u64::from(self.slabs)
    }
}

/// Equal strips of at most `widest` channel groups: 16 keep at least four invocations on each of them.
fn strips(channels: usize, widest: usize) -> (usize, usize) {
    let strips = channels.div_ceil(widest).max(1);
    (channels.div_ceil(strips), strips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_and_channel_is_covered_once() {
        let classes = [DeviceClass::Software, DeviceClass::Discrete];
        for (class, channels) in
            classes.into_iter().flat_map(|class| [1, 2, 5, 18, 64, 65, 240].map(|c| (class, c)))
        {
            for rows in [1, 7, 64, 1000, 401_408] {
                let c = Columns::slabs(class, rows, channels, 32);
                assert!(c.width <= 64 && c.width * c.strips >= c.channels);
                assert!(c.width * (c.strips - 1) < c.channels, "an empty strip");
                assert!(c.rows_per_slab * c.slabs >= c.rows);
                assert!(c.rows_per_slab * (c.slabs - 1) < c.rows, "an empty slab");
                assert!(c.slabs <= if class == DeviceClass::Software { 64 } else { 1024 });
            }
        }
    }
}
