//! How the dense and depthwise kernels that leave sums for a batch normalisation are spread (see `shaders/shared/walk.wgsl`).

use crate::{Shape, Slabs};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{DeviceClass, Dispatch, PlanBuilder, Tensor};

/// Workgroups that keep a large device busy.
const ENOUGH: usize = 1024;

/// The most rows of a workgroup.
const MOST_DOWN: usize = 16;

/// Rows of a slab below which too much would be left: two values for each channel of a slab.
const FEWEST_ROWS: usize = 8;

/// Rows of a slab from which on what is left is next to nothing.
const MANY_ROWS: usize = 28;

/// Widest strip of channel groups: 512 bytes side by side.
const WIDEST: usize = 32;

/// A workgroup's part of a tensor: `down` rows of an image and `width` channel groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    pub width: usize,
    pub strips: usize,
    pub down: usize,
    pub blocks: usize,
    /// Positions of a block.
    pub rows_per_slab: usize,
    /// Blocks of all images.
    pub slabs: usize,
}

/// The uniform `Walk`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct WalkParams {
    pub in_height: u32,
    pub in_width: u32,
    pub out_height: u32,
    pub out_width: u32,
    pub channels: u32,
    pub pad_y: u32,
    pub pad_x: u32,
    width: u32,
    strips: u32,
    down: u32,
    blocks: u32,
    slabs: u32,
}

impl Walk {
    /// For the rows of `shape`, which are made in tiles of 4 columns, `tiles` to a row. `None` for images so small that as
    /// much would be left as is made, and for software devices, whose kernels normalise in a pass of its own.
    pub fn new(class: DeviceClass, shape: &Shape, tiles: usize) -> Option<Self> {
        if class == DeviceClass::Software {
            return None;
        }
        let groups = shape.groups();
        // The strips that leave the fewest invocations idle; the widest of them, which read memory in longest runs.
        let idle = |strips: &usize| strips * tiles.div_ceil(64 / groups.div_ceil(*strips));
        let narrowest = groups.div_ceil(WIDEST)..=groups;
        let strips = narrowest.min_by_key(idle)?;
        let rows = |down: usize| down * shape.width;
        let downs = || (1..=MOST_DOWN.min(shape.height)).filter(|down| shape.height.is_multiple_of(*down));
        let leaves_little = |down: &usize| rows(*down) >= MANY_ROWS;
        let keeps_busy = |down: &usize| shape.batch * (shape.height / down) * strips >= ENOUGH;
        // The longest walk, which loads least, that keeps a device busy; else the shortest that leaves little.
        let down = downs()
            .filter(leaves_little)
            .rfind(keeps_busy)
            .or_else(|| downs().find(leaves_little))
            .or_else(|| downs().rfind(|down| rows(*down) >= FEWEST_ROWS))?;
        let blocks = shape.height / down;
        Some(Self {
            width: groups.div_ceil(strips),
            strips,
            down,
            blocks,
            rows_per_slab: rows(down),
            slabs: shape.batch * blocks,
        })
    }

    /// The uniform, for a convolution from `from` to `to` with zeros above and to the left of `from`.
    pub fn params(&self, from: &Shape, to: &Shape, (pad_y, pad_x): (usize, usize)) -> WalkParams {
        WalkParams {
            in_height: from.height as u32,
            in_width: from.width as u32,
            out_height: to.height as u32,
            out_width: to.width as u32,
            channels: from.groups() as u32,
            pad_y: pad_y as u32,
            pad_x: pad_x as u32,
            width: self.width as u32,
            strips: self.strips as u32,
            down: self.down as u32,
            blocks: self.blocks as u32,
            slabs: self.slabs as u32,
        }
    }

    /// A slab for each block of `shape`.
    pub fn new_slabs(&self, plan: &mut PlanBuilder, label: String, shape: &Shape) -> Slabs {
        Slabs::new(plan, label, self.slabs, self.rows_per_slab, shape.groups())
    }

    /// The same in a tensor that there is.
    pub fn slabs_in(&self, partial: Tensor) -> Slabs {
        Slabs { partial, slabs: self.slabs, rows_per_slab: self.rows_per_slab }
    }

    /// A launch with a workgroup for each part.
    pub fn launch(&self, dispatch: Dispatch) -> Dispatch {
        dispatch.groups((self.strips * self.slabs) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(batch: usize, side: usize, channels: usize) -> Option<Walk> {
        let shape = Shape::new(batch, side, side, channels);
        Walk::new(DeviceClass::Discrete, &shape, side.div_ceil(4))
    }

    #[test]
    fn every_position_is_in_one_block_and_one_strip() {
        for batch in [1, 5, 64] {
            for side in [3, 7, 14, 15, 17, 28, 56, 112, 120] {
                for channels in [3, 8, 16, 18, 64, 72, 120, 240, 672, 960] {
                    let walk = walk(batch, side, channels).unwrap();
                    let groups = channels.div_ceil(4);
                    assert!(walk.width * walk.strips >= groups && walk.width * (walk.strips - 1) < groups);
                    assert!((1..=WIDEST).contains(&walk.width));
                    assert_eq!(walk.down * walk.blocks, side);
                    assert_eq!(walk.rows_per_slab * walk.slabs, batch * side * side);
                }
            }
        }
    }

    #[test]
    fn little_is_left_and_few_invocations_idle() {
        for (side, channels) in [(112, 16), (112, 64), (56, 72), (28, 120), (14, 240), (14, 672), (7, 960)] {
            let walk = walk(64, side, channels).unwrap();
            assert!(walk.rows_per_slab >= MANY_ROWS, "{walk:?}");
            assert!(walk.strips * walk.slabs >= ENOUGH / 2, "{walk:?}");
            let lanes = 64 / walk.width;
            let slots = walk.strips * side.div_ceil(4).div_ceil(lanes) * 64;
            let busy = channels.div_ceil(4) * side.div_ceil(4);
            assert!(slots * 3 < busy * 5, "{side} {channels}: {busy} of {slots} busy, {walk:?}");
        }
    }

    #[test]
    fn tiny_images_and_software_devices_take_a_pass_of_its_own() {
        assert_eq!(walk(64, 2, 960), None);
        assert_eq!(walk(64, 1, 960), None);
        let shape = Shape::new(8, 14, 14, 240);
        assert_eq!(Walk::new(DeviceClass::Software, &shape, 4), None);
    }
}
