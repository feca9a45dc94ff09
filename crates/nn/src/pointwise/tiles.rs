//! Output tiles of the matrix products, and which one to take.

mod matrix;

pub(crate) use matrix::units_for;
pub(super) use matrix::{
    MATRIX_DATA_GRADIENT, MATRIX_DATA_GRADIENT_SUMS, MATRIX_FORWARD, MATRIX_FORWARD_STATISTICS,
    MATRIX_WEIGHT_GRADIENT, on_matrix_units, that_fit,
};
use photonet_gpu::{DeviceClass, Dispatch, Kernel, MatrixUnits, PlanBuilder, SUBGROUP, kernels};
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

/// Of a product over the rows in workgroup memory. The costs fit what `photonet tune` measured of all products of large and small on an
/// H200, see docs/performance.md.
const fn shared(rows: usize, columns: usize, kernel: &'static Kernel) -> Offer {
    let (cost, start) = match (rows, columns) {
        (32, 32) => (106, 5000),
        (64, 32) => (78, 2200),
        (64, 64) => (82, 1400),
        (128, 32) => (76, 3200),
        (128, 48) => (82, 1500),
        (128, 16) => (103, 2800),
        _ => panic!("a tile without costs"),
    };
    let offer = offer(Worker::Workgroup, rows, columns, cost, kernel);
    Offer { tile: Tile { start, ..offer.tile }, ..offer }
}

/// The same where each output meets two numbers from memory when it is made, which are all on their way before the first is waited for.
const fn shared_with_two(rows: usize, columns: usize, kernel: &'static Kernel) -> Offer {
    let offer = shared(rows, columns, kernel);
    Offer { tile: Tile { numbers: 3, ..offer.tile }, ..offer }
}

/// Of workgroups that share the inner dimension, see `shaders/shared/split_tile.wgsl`: for products of which no other gives tiles enough.
/// With two loads of the inner dimension at once Intel's compiler takes 1.8 times the cycles for it that it takes with one, `few`, and keeps 37
/// values in memory (see docs/performance.md). A page, which takes every GPU for one with few registers, need not carry both.
const fn split(kernel: &'static Kernel, few: &'static Kernel) -> Offer {
    let kernel = if cfg!(target_arch = "wasm32") { few } else { kernel };
    let offer = offer(Worker::Workgroup, 8, 16, 222, kernel);
    Offer { tile: Tile { start: 15_000, ..offer.tile }, few: Some(few), ..offer }
}

/// Of a weight gradient, whose inner dimension is long. Costs by counting: a load of 16 bytes keeps the memory of a GPU's processor
/// busy for as long as 16 multiply-accumulates keep its arithmetic (4 cycles beside 4 times 4), and one in registers loads
/// (rows + columns) / 4 of them for rows x columns multiply-accumulates. The two smallest, which would cost 200 by that, by what an H200
/// took for them beside 32x32.
const fn split_rows(rows: usize, columns: usize, cost: usize, kernel: &'static Kernel) -> Offer {
    offer(Worker::Workgroup, rows, columns, cost, kernel)
}

/// In registers; costs were measured on lavapipe.
const fn direct(rows: usize, columns: usize, cost: usize, kernel: &'static Kernel) -> Offer {
    offer(Worker::Invocation, rows, columns, cost, kernel)
}

/// Of a subgroup; costs by what lavapipe took for products of 4608 rows, 96 inputs and 96 outputs, 2.29, 1.79 and 1.54 ms; weight gradients
/// load as much for each multiply-accumulate as those of as many rows.
const fn lanes(rows: usize, columns: usize, kernel: &'static Kernel) -> Offer {
    let cost = match rows {
        8 => 15,
        16 => 12,
        _ => 10,
    };
    offer(Worker::Subgroup, rows, columns, cost, kernel)
}

/// The forward pass where the first answer is not waited for: in training.
pub(super) const FORWARD: &[Offer] = &[
    shared(32, 32, &kernels::POINTWISE_FORWARD_32X32),
    shared(64, 32, &kernels::POINTWISE_FORWARD_64X32),
    shared(64, 64, &kernels::POINTWISE_FORWARD_64X64),
    shared(128, 32, &kernels::POINTWISE_FORWARD_128X32),
    shared(128, 48, &kernels::POINTWISE_FORWARD_128X48),
    direct(8, 8, 4, &kernels::POINTWISE_FORWARD_DIRECT_8X2),
    direct(16, 8, 3, &kernels::POINTWISE_FORWARD_DIRECT_16X2),
    direct(16, 16, 2, &kernels::POINTWISE_FORWARD_DIRECT_16X4),
    // Behind the others, since these have their numbers in the lists below.
    shared(128, 16, &kernels::POINTWISE_FORWARD_128X16),
    #[cfg(not(target_arch = "wasm32"))]
    lanes(8, 32, &kernels::POINTWISE_FORWARD_SUBGROUP_8X32),
    #[cfg(not(target_arch = "wasm32"))]
    lanes(16, 32, &kernels::POINTWISE_FORWARD_SUBGROUP_16X32),
    #[cfg(not(target_arch = "wasm32"))]
    lanes(32, 32, &kernels::POINTWISE_FORWARD_SUBGROUP_32X32),
];

/// The same for inference. A page, which takes every GPU for one with few registers, need not carry the tiles that want many, nor on a
/// software device the one that compiles longest.
pub(super) const QUICK_FORWARD: &[Offer] = &[
    split(&kernels::POINTWISE_FORWARD_SPLIT_8X16, &kernels::POINTWISE_FORWARD_SPLIT_8X16_FEW),
    FORWARD[0],
    FORWARD[1],
    #[cfg(not(target_arch = "wasm32"))]
    FORWARD[2],
    #[cfg(not(target_arch = "wasm32"))]
    FORWARD[3],
    #[cfg(not(target_arch = "wasm32"))]
    FORWARD[4],
    FORWARD[5],
    FORWARD[6],
    #[cfg(not(target_arch = "wasm32"))]
    FORWARD[7],
    #[cfg(not(target_arch = "wasm32"))]
    FORWARD[8],
    #[cfg(not(target_arch = "wasm32"))]
    FORWARD[9],
    #[cfg(not(target_arch = "wasm32"))]
    FORWARD[10],
    #[cfg(not(target_arch = "wasm32"))]
    FORWARD[11],
];

/// Of these a single one for software devices, which compiles in half the time of the next.
pub(super) const QUICKEST_FORWARD: &[Offer] = &[FORWARD[0], FORWARD[1], FORWARD[5]];

/// The forward pass that leaves statistics for a batch normalisation. In registers a tile has few rows, and as much would be left as
/// there is output.
pub(super) const FORWARD_STATISTICS: &[Offer] = &[
    shared(32, 32, &kernels::POINTWISE_FORWARD_STATISTICS_32X32),
    shared(64, 32, &kernels::POINTWISE_FORWARD_STATISTICS_64X32),
    shared(64, 64, &kernels::POINTWISE_FORWARD_STATISTICS_64X64),
    shared(128, 32, &kernels::POINTWISE_FORWARD_STATISTICS_128X32),
    shared(128, 48, &kernels::POINTWISE_FORWARD_STATISTICS_128X48),
    shared(128, 16, &kernels::POINTWISE_FORWARD_STATISTICS_128X16),
];

/// The data gradient.
pub(super) const DATA_GRADIENT: &[Offer] = &[
    split(&kernels::POINTWISE_DATA_GRADIENT_SPLIT_8X16, &kernels::POINTWISE_DATA_GRADIENT_SPLIT_8X16_FEW),
    shared(32, 32, &kernels::POINTWISE_DATA_GRADIENT_32X32),
    shared(64, 32, &kernels::POINTWISE_DATA_GRADIENT_64X32),
    shared(64, 64, &kernels::POINTWISE_DATA_GRADIENT_64X64),
    shared(128, 32, &kernels::POINTWISE_DATA_GRADIENT_128X32),
    shared(128, 48, &kernels::POINTWISE_DATA_GRADIENT_128X48),
    shared(128, 16, &kernels::POINTWISE_DATA_GRADIENT_128X16),
    direct(8, 8, 4, &kernels::POINTWISE_DATA_GRADIENT_DIRECT_8X2),
    direct(16, 8, 3, &kernels::POINTWISE_DATA_GRADIENT_DIRECT_16X2),
    direct(16, 16, 2, &kernels::POINTWISE_DATA_GRADIENT_DIRECT_16X4),
    lanes(8, 32, &kernels::POINTWISE_DATA_GRADIENT_SUBGROUP_8X32),
    lanes(16, 32, &kernels::POINTWISE_DATA_GRADIENT_SUBGROUP_16X32),
    lanes(32, 32, &kernels::POINTWISE_DATA_GRADIENT_SUBGROUP_32X32),
];

/// The data gradient that leaves sums for a batch normalisation.
pub(super) const DATA_GRADIENT_SUMS: &[Offer] = &[
    shared_with_two(32, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_32X32),
    shared_with_two(64, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_64X32),
    shared_with_two(64, 64, &kernels::POINTWISE_DATA_GRADIENT_SUMS_64X64),
    shared_with_two(128, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_128X32),
    shared_with_two(128, 48, &kernels::POINTWISE_DATA_GRADIENT_SUMS_128X48),
    shared_with_two(128, 16, &kernels::POINTWISE_DATA_GRADIENT_SUMS_128X16),
];

/// The weight gradient, whose rows are inputs.
pub(super) const WEIGHT_GRADIENT: &[Offer] = &[
    split_rows(32, 32, 200, &kernels::POINTWISE_WEIGHT_GRADIENT_32X32),
    split_rows(64, 32, 150, &kernels::POINTWISE_WEIGHT_GRADIENT_64X32),
    split_rows(64, 64, 100, &kernels::POINTWISE_WEIGHT_GRADIENT_64X64),
    split_rows(128, 32, 100, &kernels::POINTWISE_WEIGHT_GRADIENT_128X32),
    split_rows(32, 128, 100, &kernels::POINTWISE_WEIGHT_GRADIENT_32X128),
    split_rows(16, 64, 160, &kernels::POINTWISE_WEIGHT_GRADIENT_16X64),
    split_rows(16, 16, 240, &kernels::POINTWISE_WEIGHT_GRADIENT_16X16),
    direct(8, 8, 3, &kernels::POINTWISE_WEIGHT_GRADIENT_DIRECT_2X2),
    direct(16, 16, 2, &kernels::POINTWISE_WEIGHT_GRADIENT_DIRECT_4X4),
    lanes(16, 32, &kernels::POINTWISE_WEIGHT_GRADIENT_SUBGROUP_16X32),
    lanes(32, 32, &kernels::POINTWISE_WEIGHT_GRADIENT_SUBGROUP_32X32),
];

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
