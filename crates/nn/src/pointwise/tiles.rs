//! Output tiles of the matrix products, and which one to take.

mod in_registers;
mod matrix;

pub(super) use in_registers::{
    DATA_GRADIENT, DATA_GRADIENT_SUMS, FORWARD, FORWARD_STATISTICS, QUICK_FORWARD, QUICKEST_FORWARD,
    WEIGHT_GRADIENT,
};
pub(crate) use matrix::units_for;
pub(super) use matrix::{
    MATRIX_DATA_GRADIENT, MATRIX_DATA_GRADIENT_SUMS, MATRIX_FORWARD, MATRIX_FORWARD_STATISTICS,
    MATRIX_WEIGHT_GRADIENT, on_matrix_units, that_fit,
};
use photonet_gpu::{DeviceClass, Dispatch, Kernel, MatrixUnits, PlanBuilder, SUBGROUP};
use std::ops::Range;

/// What makes one output tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    /// A workgroup, through workgroup memory; see `shaders/shared/gemm.wgsl`.
    Workgroup,
    /// An invocation, in registers.
    Invocation,
    /// A subgroup, in registers; see `shaders/shared/subgroup.wgsl`.
    Subgroup,
}

/// A kernel's output tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub worker: Worker,
    pub rows: usize,
    pub columns: usize,
    /// Relative time of one multiply-accumulate, beside the other tiles of the same list and worker: larger tiles load less for each.
    cost: usize,
    /// The same of one output, whatever the inner dimension.
    start: usize,
    /// The inner dimension is counted in steps of so many lines.
    step: usize,
    /// Numbers that an invocation keeps for each of its outputs.
    numbers: usize,
}

/// A kernel and the tile that it makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub tile: Tile,
    pub kernel: &'static Kernel,
    /// What makes it within the registers of integrated devices, where `kernel` does not.
    few: Option<&'static Kernel>,
}

/// A tile of which nothing but its time for a multiply-accumulate is known.
const fn offer(worker: Worker, rows: usize, columns: usize, cost: usize, kernel: &'static Kernel) -> Offer {
    Offer { tile: Tile { worker, rows, columns, cost, start: 0, step: 1, numbers: 1 }, kernel, few: None }
}

/// Whether workgroups make the tiles of a device.
///
/// A software device has vector registers in place of workgroups, and barriers cost it much.
pub(super) fn in_workgroups(class: DeviceClass) -> bool {
    class != DeviceClass::Software
}

/// What makes the tiles of a device, whose subgroups exchange values or do not.
fn worker(class: DeviceClass, subgroups: bool) -> Worker {
    match class {
        DeviceClass::Software if subgroups => Worker::Subgroup,
        DeviceClass::Software => Worker::Invocation,
        DeviceClass::Discrete | DeviceClass::Integrated => Worker::Workgroup,
    }
}

/// The offers that suit the device of a plan; the others suit none of its kind.
pub(super) fn fitting(offers: &[Offer], plan: &PlanBuilder) -> Vec<Offer> {
    let offers = made_by(offers, worker(plan.class(), plan.subgroups())).into_iter();
    offers.map(|offer| offer.of_class(plan.class())).collect()
}

fn made_by(offers: &[Offer], worker: Worker) -> Vec<Offer> {
    offers.iter().filter(|offer| offer.tile.worker == worker).copied().collect()
}

/// Of `offers`, which all fit the class, the tile with the least work for a product of `rows` x `columns` outputs over `inner` lines,
/// edges included. Fewer tiles than `wanted` leave a part of the device idle: they take as long as so many. Returns its place.
pub(super) fn choose_tile(
    offers: &[Offer],
    class: DeviceClass,
    rows: usize,
    columns: usize,
    inner: usize,
    wanted: usize,
) -> usize {
    let allowed = |at: &usize| class != DeviceClass::Integrated || offers[*at].fits_few_registers();
    // In 64 bits, which a page's `usize` has not.
    let work = |t: &Tile| {
        let outputs = (t.count(rows, columns).max(wanted) * t.rows * t.columns) as u64;
        outputs * (t.cost * inner.next_multiple_of(t.step) + t.start) as u64
    };
    let tile = |at: usize| &offers[at].tile;
    (0..offers.len()).filter(allowed).min_by_key(|&at| work(tile(at))).unwrap_or(0)
}

/// The numbers of the variants that discrete GPUs have of a product forward, its data gradient, both where they leave sums for a
/// normalisation, and of the weight gradient: what a check that tries all has to count. With `units` those on matrix units like these.
pub(crate) fn variants(units: Option<MatrixUnits>) -> [Range<usize>; 5] {
    [
        (QUICK_FORWARD, MATRIX_FORWARD),
        (DATA_GRADIENT, MATRIX_DATA_GRADIENT),
        (FORWARD_STATISTICS, MATRIX_FORWARD_STATISTICS),
        (DATA_GRADIENT_SUMS, MATRIX_DATA_GRADIENT_SUMS),
        (WEIGHT_GRADIENT, MATRIX_WEIGHT_GRADIENT),
    ]
    .map(|(offers, of_units)| {
        let plain = made_by(offers, Worker::Workgroup).len();
        units.map_or(0..plain, |units| plain..plain + that_fit(units, of_units).len())
    })
}

/// The numbers of the variants in subgroups: of products over the rows, and of the weight gradient.
pub(crate) fn variants_in_subgroups() -> [Range<usize>; 2] {
    [FORWARD, WEIGHT_GRADIENT].map(|offers| 0..made_by(offers, Worker::Subgroup).len())
}

/// The longest tile for integrated GPUs, some of which have half as many registers: each invocation of a tall tile loads twice as much
/// at a time.
const LONGEST_SIDE: usize = 64;

/// Numbers that an invocation of theirs may keep for its outputs. By what Intel's compiler makes of the kernels (see docs/performance.md):
/// tiles of 64x32 take as many instructions for a product as those of 32x32, and those of 64x64 two to three times as many, since two of
/// three have to do with what is kept in memory.
const MOST_HELD: usize = 48;

/// Tiles that keep a device busy: nearly two for each of the 132 processors of a large one, as many as 256 rows of 960 columns have in
/// tiles of 32x32 (the head's gradient, for which an H200 took 37 us so, and 53 in tiles of 8x16); a software one has a few processors,
/// each with some eight invocations in a register, which make a tile each or, `subgroups`, one together.
pub(super) fn enough_tiles(class: DeviceClass, subgroups: bool) -> usize {
    match class {
        DeviceClass::Software if subgroups => 8,
        DeviceClass::Software => 32,
        DeviceClass::Integrated => 64,
        DeviceClass::Discrete => 240,
    }
}

impl Offer {
    /// The same with the kernel that suits a class of devices.
    fn of_class(self, class: DeviceClass) -> Self {
        let few = self.few.filter(|_| class == DeviceClass::Integrated);
        Self { kernel: few.unwrap_or(self.kernel), ..self }
    }

    /// Whether some 128 registers hold what an invocation of the workgroup needs.
    fn fits_few_registers(&self) -> bool {
        let Tile { rows, columns, numbers, .. } = self.tile;
        rows.max(columns) <= LONGEST_SIDE
            && rows * columns * numbers <= MOST_HELD * self.kernel.workgroup_size[0] as usize
    }
}

impl Tile {
    /// How many make a product of `rows` x `columns` outputs.
    pub fn count(&self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.rows) * columns.div_ceil(self.columns)
    }

    /// A launch that makes `count` tiles.
    pub fn launch(&self, count: usize, dispatch: Dispatch) -> Dispatch {
        match self.worker {
            Worker::Workgroup => dispatch.groups(count as u64),
            Worker::Invocation => dispatch.threads(count as u64),
            Worker::Subgroup => dispatch.threads(count as u64 * u64::from(SUBGROUP)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        offers: &[Offer],
        class: DeviceClass,
        rows: usize,
        (columns, inner): (usize, usize),
        wanted: usize,
    ) -> (usize, usize) {
        let fitting = made_by(offers, worker(class, false));
        let tile = fitting[choose_tile(&fitting, class, rows, columns, inner, wanted)].tile;
        (tile.rows, tile.columns)
    }

    #[test]
    fn tiles_follow_the_shape() {
        let choose = |rows, inner, columns| {
            chosen(FORWARD_STATISTICS, DeviceClass::Discrete, rows, (columns, inner), 64)
        };
        // Narrow outputs waste half of a wide tile; few rows would leave a device idle.
        assert_eq!(choose(100_000, 16, 16), (128, 16));
        assert_eq!(choose(100_000, 72, 24), (64, 32));
        assert_eq!(choose(100_000, 960, 32), (128, 32));
        assert_eq!(choose(100_000, 240, 40), (128, 48));
        assert_eq!(choose(100_000, 16, 64), (64, 64));
        assert_eq!(choose(100_000, 112, 672), (128, 48));
        assert_eq!(choose(2000, 64, 128), (64, 64));
        assert_eq!(choose(32, 96, 576), (32, 32));
        assert_eq!(choose(1, 1280, 1000), (32, 32));
    }

    #[test]
    fn few_tiles_are_small_and_on_the_units_where_there_are_some() {
        let class = DeviceClass::Discrete;
        let of_units = |plain: &[Offer], units: &[Offer], (rows, columns, inner), wanted| {
            let offers = [made_by(plain, Worker::Workgroup), units.to_vec()].concat();
            let at = choose_tile(&offers, class, rows, columns, inner, wanted);
            (offers[at].tile.rows, offers[at].tile.columns, at >= offers.len() - units.len())
        };
        // The last block of small, 32 photos of 128 pixels: too few tiles of any kind.
        let weights = |shape, wanted| of_units(WEIGHT_GRADIENT, MATRIX_WEIGHT_GRADIENT, shape, wanted);
        assert_eq!(weights((576, 96, 512), 60), (32, 32, true));
        let forward = |shape| of_units(FORWARD_STATISTICS, MATRIX_FORWARD_STATISTICS, shape, 240);
        assert_eq!(forward((512, 96, 576)), (32, 32, true));
        // Squeeze-excite's, in single precision: two tiles of 64x32, three of 32x32, ten of 16x16.
        assert_eq!(chosen(WEIGHT_GRADIENT, class, 76, (20, 256), 120), (16, 16));
        // Of 256 rows the head has just enough of 32x32.
        let wanted = enough_tiles(class, false);
        assert_eq!(chosen(DATA_GRADIENT, class, 256, (960, 1280), wanted), (32, 32));
        assert_eq!(chosen(DATA_GRADIENT, class, 256, (24, 72), wanted), (8, 16));
    }

    #[test]
    fn weight_gradients_lie_along_their_longer_side() {
        let choose =
            |inputs, outputs| chosen(WEIGHT_GRADIENT, DeviceClass::Discrete, inputs, (outputs, 1), 1);
        assert_eq!(choose(16, 16), (16, 16));
        assert_eq!(choose(16, 64), (16, 64));
        assert_eq!(choose(80, 480), (32, 128));
        assert_eq!(choose(240, 80), (128, 32));
        assert_eq!(choose(960, 160), (128, 32));
        assert_eq!(choose(112, 640), (64, 64));
    }

    #[test]
    fn where_integrated_devices_share_the_inner_dimension_they_load_less_at_once() {
        let choose = |class| {
            let fitting: Vec<_> = made_by(QUICK_FORWARD, worker(class, false))
                .into_iter()
                .map(|offer| offer.of_class(class))
                .collect();
            fitting[choose_tile(&fitting, class, 49, 96, 576, enough_tiles(class, false))].kernel.name
        };
        assert_eq!(choose(DeviceClass::Discrete), "pointwise/forward_split@8x16");
        assert_eq!(choose(DeviceClass::Integrated), "pointwise/forward_split@8x16_few");
    }

    #[test]
    fn integrated_devices_get_tiles_that_their_registers_hold() {
        for columns in [16, 40, 240, 960] {
            let choose = |offers| chosen(offers, DeviceClass::Integrated, 100_000, (columns, 64), 64);
            for offers in [FORWARD, QUICK_FORWARD, FORWARD_STATISTICS, DATA_GRADIENT] {
                assert_eq!(choose(offers), (64, 32));
            }
            assert_eq!(choose(DATA_GRADIENT_SUMS), (32, 32));
        }
        let weights =
            |inputs, outputs| chosen(WEIGHT_GRADIENT, DeviceClass::Integrated, inputs, (outputs, 100_000), 1);
        assert_eq!((weights(960, 160), weights(16, 64), weights(16, 16)), ((64, 32), (16, 64), (16, 16)));
    }

    #[test]
    fn software_devices_get_tiles_in_registers() {
        // Of a list that a plan for them takes from there have to be some, whatever their subgroups can.
        for offers in [FORWARD, QUICK_FORWARD, DATA_GRADIENT, WEIGHT_GRADIENT] {
            for subgroups in [false, true] {
                assert!(!made_by(offers, worker(DeviceClass::Software, subgroups)).is_empty());
            }
        }
        for (rows, columns) in [(1, 8), (49, 96), (100_000, 64)] {
            let (rows, columns) = chosen(DATA_GRADIENT, DeviceClass::Software, rows, (columns, 64), 32);
            assert!(rows <= 16 && columns <= 16);
        }
    }

    #[test]
    fn subgroups_make_as_tall_tiles_as_leave_no_processor_idle() {
        let class = DeviceClass::Software;
        let choose = |rows, columns, inner| {
            let offers = made_by(FORWARD, worker(class, true));
            let wanted = enough_tiles(class, true);
            offers[choose_tile(&offers, class, rows, columns, inner, wanted)].tile.rows
        };
        assert_eq!(choose(9216, 16, 16), 32);
        assert_eq!(choose(576, 240, 40), 32);
        // An edge is less of a smaller tile.
        assert_eq!(choose(36, 240, 40), 16);
        assert_eq!(choose(49, 96, 576), 16);
        assert_eq!(choose(1, 1000, 1280), 8);
    }
}
