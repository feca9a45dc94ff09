//! Output tiles of the matrix products, and which one to take.

use photonet_gpu::{DeviceClass, Dispatch};

/// What makes one output tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    /// A workgroup, through workgroup memory; see `shaders/shared/gemm.wgsl`.
    Workgroup,
    /// An invocation, in registers.
    Invocation,
}

/// A kernel's output tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub worker: Worker,
    pub rows: usize,
    pub columns: usize,
    /// Relative time of one multiply-accumulate: larger tiles load less for each.
    cost: usize,
}

const fn tile(worker: Worker, rows: usize, columns: usize, cost: usize) -> Tile {
    Tile { worker, rows, columns, cost }
}

/// The tiles of forward and data gradient, from the smallest to the largest of each worker; the order of
/// the kernels in [`Pointwise`]'s launches. Costs were measured on lavapipe.
pub(super) const TILES: &[Tile] = &[
    tile(Worker::Workgroup, 32, 32, 10),
    tile(Worker::Workgroup, 64, 32, 8),
    tile(Worker::Workgroup, 64, 64, 6),
    tile(Worker::Invocation, 8, 8, 4),
    tile(Worker::Invocation, 16, 8, 3),
    tile(Worker::Invocation, 16, 16, 2),
];

/// Those whose kernels are quick to compile: what waits for its first answer, as inference does, takes no other.
pub(super) const QUICK_TILES: &[Tile] = TILES.split_at(5).0;

/// Of these a single one for software devices, which compiles in half the time of the next.
pub(super) const QUICKEST_TILES: &[Tile] = TILES.split_at(4).0;

/// The tiles of the weight gradient.
pub(super) const WEIGHT_TILES: &[Tile] =
    &[TILES[0], TILES[1], TILES[2], tile(Worker::Invocation, 8, 8, 3), tile(Worker::Invocation, 16, 16, 2)];

/// What makes the tiles of a device.
///
/// A software device has vector registers in place of workgroups, and barriers cost it much.
pub(super) fn worker(class: DeviceClass) -> Worker {
    match class {
        DeviceClass::Software => Worker::Invocation,
        DeviceClass::Discrete | DeviceClass::Integrated => Worker::Workgroup,
    }
}

/// The tile with the least work for a product of `rows` x `columns` outputs, edges included, among
/// those that still give `wanted` tiles. Returns its place in `tiles`.
pub(super) fn choose_tile(
    tiles: &[Tile],
    class: DeviceClass,
    rows: usize,
    columns: usize,
    wanted: usize,
) -> usize {
    let worker = worker(class);
    let count = |t: &Tile| rows.div_ceil(t.rows) * columns.div_ceil(t.columns);
    let work = |t: &Tile| count(t) * t.rows * t.columns * t.cost;
    let mut fitting = (0..tiles.len()).filter(|&at| tiles[at].worker == worker);
    let smallest = fitting.next().unwrap_or(0);
    fitting.fold(smallest, |best, at| {
        if count(&tiles[at]) >= wanted && work(&tiles[at]) < work(&tiles[best]) { at } else { best }
    })
}

/// Tiles below which a larger one would leave a device idle: two for each processor of a large one; a software one has
/// a few processors, each with some eight invocations in a register.
pub(super) fn enough_tiles(class: DeviceClass) -> usize {
    match class {
        DeviceClass::Software => 32,
        DeviceClass::Integrated => 64,
        DeviceClass::Discrete => 256,
    }
}

impl Tile {
    /// A launch that makes `count` tiles.
    pub fn launch(&self, count: u64, dispatch: Dispatch) -> Dispatch {
        match self.worker {
            Worker::Workgroup => dispatch.groups(count),
            Worker::Invocation => dispatch.threads(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_follow_the_shape() {
        let choose = |rows, columns, wanted| choose_tile(TILES, DeviceClass::Discrete, rows, columns, wanted);
        // Narrow outputs waste half of a wide tile; few rows would leave a device idle.
        assert_eq!(choose(100_000, 16, 64), 1);
        assert_eq!(choose(100_000, 64, 64), 2);
        assert_eq!(choose(100_000, 128, 64), 2);
        assert_eq!(choose(32, 576, 64), 0);
        assert_eq!(choose(1, 1000, 64), 0);
    }

    #[test]
    fn software_devices_get_tiles_in_registers() {
        for (rows, columns) in [(1, 8), (49, 96), (100_000, 64)] {
            for class in [DeviceClass::Software, DeviceClass::Integrated] {
                let expected =
                    if class == DeviceClass::Software { Worker::Invocation } else { Worker::Workgroup };
                for tiles in [TILES, WEIGHT_TILES] {
                    let tile = tiles[choose_tile(tiles, class, rows, columns, 32)];
                    assert_eq!(tile.worker, expected, "{rows}x{columns}");
                }
            }
        }
    }
}
