//! How dense and depthwise kernels that go through the rows of a block are spread: those that leave sums for a batch normalisation
//! (see `shaders/shared/walk.wgsl`), and those of software devices (`shaders/shared/forward_walk.wgsl`).

use crate::slabs::busy;
use crate::{Shape, Slabs};
use bytemuck::{Pod, Zeroable};
use photonet_gpu::{DeviceClass, Dispatch, PlanBuilder, Tensor};

/// Workgroups that keep a large device busy.
const ENOUGH: usize = 1024;

/// The most rows of a workgroup.
const MOST_DOWN: usize = 28;

/// Rows of a slab below which too much would be left: two values for each channel of a slab.
const FEWEST_ROWS: usize = 8;

/// Rows of a slab from which on what is left is next to nothing.
const MANY_ROWS: usize = 28;

/// Widest strip of channel groups: 512 bytes side by side.
const WIDEST: usize = 32;

/// Narrowest, where there are as many: in half precision 32 bytes, the least that a GPU reads.
const NARROWEST: usize = 4;

/// Bytes of workgroup memory for the filters of a strip. NVIDIA's Vulkan has 48 KiB on a processor for all its workgroups together.
const FILTER_BYTES: usize = 5 << 10;

/// Invocations of a workgroup.
const WORKGROUP: usize = 64;

/// A workgroup's part of a tensor: `down` rows of `images` images and `width` channel groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    pub width: usize,
    pub strips: usize,
    pub down: usize,
    pub blocks: usize,
    pub images: usize,
    /// Positions of a block of all its images.
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
    images: u32,
    lanes: u32,
    unused: [u32; 2],
}

impl Walk {
    /// For the rows of the stem's output `shape`, which are made in tiles of 4 columns, `tiles` to a row, of one image, from two lines each and
    /// one beside them. `None` for images so small that as much would be left as is made, and for software devices, which take statistics in
    /// a pass of its own.
    pub fn new(class: DeviceClass, shape: &Shape, tiles: usize) -> Option<Self> {
        let groups = shape.groups();
        let strips = (groups.div_ceil(WIDEST)..=groups).map(|strips| (strips, 1));
        Self::best(class, shape, tiles, |down| 2 * down + 1, strips)
    }

    /// The same for a depthwise convolution of a square filter of side `kernel`, which loads so many `lines` for so many rows, with as many
    /// images side by side as there are invocations for.
    pub fn depthwise(
        class: DeviceClass,
        shape: &Shape,
        tiles: usize,
        kernel: usize,
        lines: impl Fn(usize) -> usize,
    ) -> Option<Self> {
        let groups = shape.groups();
        let widest = (FILTER_BYTES / (kernel * kernel * 16)).min(WIDEST);
        let images = |strips: usize| {
            let beside = WORKGROUP / groups.div_ceil(strips) / tiles;
            (1..=beside.max(1)).rev().find(|&images| shape.batch.is_multiple_of(images)).unwrap_or(1)
        };
        let strips = (groups.div_ceil(widest)..=groups).map(|strips| (strips, images(strips)));
        Self::best(class, shape, tiles, lines, strips)
    }

    /// The best of several numbers of strips and images, where a workgroup of so many rows has so many `lines` to load.
    fn best(
        class: DeviceClass,
        shape: &Shape,
        tiles: usize,
        lines: impl Fn(usize) -> usize,
        choices: impl Iterator<Item = (usize, usize)>,
    ) -> Option<Self> {
        if class == DeviceClass::Software {
            return None;
        }
        let groups = shape.groups();
        // Those that leave the fewest invocations idle, or nearly so; of them the widest strips, which read memory in longest runs.
        let idle = |&(strips, images): &(usize, usize)| {
            strips * tiles.div_ceil(WORKGROUP / groups.div_ceil(strips) / images) * 1000 / images
        };
        let narrowest = groups.min(NARROWEST);
        let choices: Vec<_> = choices.filter(|(strips, _)| groups.div_ceil(*strips) >= narrowest).collect();
        let fewest = choices.iter().map(idle).min()?;
        let &(strips, images) = choices.iter().find(|choice| idle(choice) * 10 <= fewest * 11)?;
        let rows = |down: usize| down * shape.width * images;
        let downs = || (1..=MOST_DOWN.min(shape.height)).filter(|down| shape.height.is_multiple_of(*down));
        // What a busy device loads, one workgroup after the other: fewer workgroups leave a part of it idle.
        let all_lines = |down: &usize| {
            let workgroups = shape.batch / images * (shape.height / down) * strips;
            workgroups.max(ENOUGH) * lines(*down)
        };
        let down = downs()
            .filter(|down| rows(*down) >= MANY_ROWS)
            .min_by_key(all_lines)
            .or_else(|| downs().rfind(|down| rows(*down) >= FEWEST_ROWS))?;
        let blocks = shape.height / down;
        Some(Self {
            width: groups.div_ceil(strips),
            strips,
            down,
            blocks,
            images,
            rows_per_slab: rows(down),
            slabs: shape.batch / images * blocks,
        })
    }

    /// For whole rows of `shape`, in blocks that take the fewest turns of a device that has so many workgroups at once, where at most
    /// `most` blocks are wanted; each loads as much as for two more rows, above its first and below its last.
    pub fn in_rounds(shape: &Shape, at_once: usize, most: usize) -> Self {
        let workgroups = |down: usize| shape.batch * (shape.height / down);
        let downs = (1..=shape.height).filter(|down| shape.height.is_multiple_of(*down));
        let few = downs.filter(|down| workgroups(*down) <= most);
        let turns = |down: &usize| workgroups(*down).div_ceil(at_once) * (down + 2);
        let down = few.min_by_key(turns).unwrap_or(shape.height);
        let slabs = workgroups(down);
        Self {
            width: shape.groups(),
            strips: 1,
            down,
            blocks: shape.height / down,
            images: 1,
            rows_per_slab: down * shape.width,
            slabs,
        }
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
            images: self.images as u32,
            lanes: (WORKGROUP / self.width / self.images) as u32,
            unused: [0; 2],
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

    /// The same of a kernel that has its strip's filters in workgroup memory, FILTERS to a tap.
    pub fn launch_with_filters(&self, dispatch: Dispatch) -> Dispatch {
        // Few sizes make few pipelines.
        self.launch(dispatch).constant("FILTERS", self.width.next_multiple_of(4) as u32)
    }
}

/// Invocations that walk on a software device: a workgroup of 64 for each of some processors.
const WALKS: usize = 512;

/// Fewest rows that are worth a walk: a block loads some lines that its neighbours load too.
const FEWEST_DOWN: usize = 4;

/// Rows of outputs of a block that an invocation walks down: all of them, where so many walks keep the device busy.
pub(crate) fn rows_of_block(class: DeviceClass, output: &Shape) -> usize {
    let wanted = if class == DeviceClass::Software { WALKS } else { busy(class) };
    let blocks = wanted.div_ceil(tile_threads(output, output.height, 4).max(1) as usize);
    output.height.div_ceil(blocks).max(FEWEST_DOWN.min(output.height))
}

/// One invocation for each tile of `rows` x `columns` positions of a channel group.
pub(crate) fn tile_threads(shape: &Shape, rows: usize, columns: usize) -> u64 {
    (shape.batch * shape.height.div_ceil(rows) * shape.width.div_ceil(columns) * shape.groups()) as u64
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
    fn blocks_of_whole_rows_take_few_turns_of_a_device() {
        for (batch, side, at_once) in
            [(256, 112, 2112), (64, 112, 2112), (32, 47, 1848), (1, 112, 2112), (1024, 47, 100)]
        {
            let shape = Shape::new(batch, side, side, 16);
            let walk = Walk::in_rounds(&shape, at_once, usize::MAX);
            assert_eq!((walk.strips, walk.down * walk.blocks), (1, side));
            assert_eq!(walk.rows_per_slab * walk.slabs, batch * side * side);
            let turns = |down: usize| (batch * (side / down)).div_ceil(at_once) * (down + 2);
            assert!(turns(walk.down) <= turns(1) && turns(walk.down) <= turns(side), "{walk:?}");
        }
    }

    #[test]
    fn software_devices_walk_down_whole_images_where_those_are_many() {
        let software = DeviceClass::Software;
        let down = |batch, side, channels| rows_of_block(software, &Shape::new(batch, side, side, channels));
        assert_eq!(down(16, 12, 72), 12);
        // One photo has hundreds of invocations, or blocks of the fewest rows that are worth it.
        assert_eq!(down(1, 112, 64), 56);
        assert_eq!(down(1, 112, 16), 23);
        assert_eq!(down(1, 14, 80), FEWEST_DOWN);
        assert_eq!(down(1, 3, 8), 3);
        for (batch, side, channels) in [(1, 1, 3), (3, 7, 960), (1, 56, 24), (2, 120, 16)] {
            let shape = Shape::new(batch, side, side, channels);
            let rows = rows_of_block(software, &shape);
            assert!((1..=side).contains(&rows));
            assert!(rows <= FEWEST_DOWN || tile_threads(&shape, rows, 4) as usize * 2 >= WALKS);
        }
        // A GPU has more to do at once, and walks as long where there is as much.
        let large = |batch| rows_of_block(DeviceClass::Discrete, &Shape::new(batch, 112, 112, 64));
        assert_eq!((large(1), large(512)), (FEWEST_DOWN, 112));
    }

    fn depthwise(batch: usize, side: usize, channels: usize, kernel: usize) -> Option<Walk> {
        let shape = Shape::new(batch, side, side, channels);
        Walk::depthwise(DeviceClass::Discrete, &shape, side.div_ceil(4), kernel, |down| down + kernel - 1)
    }

    #[test]
    fn several_images_of_a_workgroup_are_whole_and_its_filters_small() {
        for batch in [1, 5, 6, 64] {
            for side in [3, 7, 14, 15, 28, 112] {
                for (channels, kernel) in [(3, 3), (16, 3), (72, 5), (184, 3), (240, 5), (672, 3), (960, 5)] {
                    let walk = depthwise(batch, side, channels, kernel).unwrap();
                    assert!(batch % walk.images == 0, "{walk:?}");
                    assert_eq!(walk.rows_per_slab * walk.slabs, batch * side * side);
                    let lanes = WORKGROUP / walk.width / walk.images;
                    assert!(walk.images == 1 || lanes >= side.div_ceil(4), "{walk:?}");
                    assert!(walk.width * kernel * kernel * 16 <= FILTER_BYTES, "{walk:?}");
                    assert!(walk.width >= channels.div_ceil(4).min(NARROWEST), "{walk:?}");
                }
            }
        }
    }

    #[test]
    fn small_images_share_a_workgroup() {
        // 240 groups of 7x7: eight of them, two tiles to a row, four images.
        let walk = depthwise(256, 7, 960, 5).unwrap();
        assert_eq!((walk.width, walk.images, walk.rows_per_slab), (8, 4, 4 * 49));
        // Of few of them a workgroup has one row, not all: 9 strips, 4 times 8 images, 4 blocks.
        let walk = depthwise(32, 4, 288, 5).unwrap();
        assert_eq!((walk.images, walk.down, walk.strips * walk.slabs), (8, 1, 144));
        // At stride 2 a row has two lines to load, so that long walks pay less.
        let shape = Shape::new(64, 7, 7, 672);
        let down = |stride| {
            let lines = |down| stride * down + 5 - stride;
            Walk::depthwise(DeviceClass::Discrete, &shape, 2, 5, lines).map(|walk| walk.down)
        };
        assert_eq!((down(1), down(2)), (Some(7), Some(1)));
        // At 2x2 positions a slab has as many rows as it needs by its images alone.
        assert_eq!(depthwise(64, 2, 960, 5).map(|walk| (walk.images, walk.rows_per_slab)), Some((8, 32)));
        // Where it gains less than a tenth, wider strips.
        assert_eq!(depthwise(256, 14, 672, 3).map(|walk| (walk.width, walk.images)), Some((16, 1)));
    }

    #[test]
    fn tiny_images_and_software_devices_take_a_pass_of_its_own() {
        assert_eq!(walk(64, 2, 960), None);
        assert_eq!(walk(64, 1, 960), None);
        let shape = Shape::new(8, 14, 14, 240);
        assert_eq!(Walk::new(DeviceClass::Software, &shape, 4), None);
    }
}
