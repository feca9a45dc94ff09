//! Tiles of the products that are multiplied in registers, by workgroups, invocations and subgroups.

use super::{Offer, Tile, Worker, offer};
use photonet_gpu::{Kernel, kernels};

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
pub(in crate::pointwise) const FORWARD: &[Offer] = &[
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
pub(in crate::pointwise) const QUICK_FORWARD: &[Offer] = &[
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
pub(in crate::pointwise) const QUICKEST_FORWARD: &[Offer] = &[FORWARD[0], FORWARD[1], FORWARD[5]];

/// The forward pass that leaves statistics for a batch normalisation. In registers a tile has few rows, and as much would be left as
/// there is output.
pub(in crate::pointwise) const FORWARD_STATISTICS: &[Offer] = &[
    shared(32, 32, &kernels::POINTWISE_FORWARD_STATISTICS_32X32),
    shared(64, 32, &kernels::POINTWISE_FORWARD_STATISTICS_64X32),
    shared(64, 64, &kernels::POINTWISE_FORWARD_STATISTICS_64X64),
    shared(128, 32, &kernels::POINTWISE_FORWARD_STATISTICS_128X32),
    shared(128, 48, &kernels::POINTWISE_FORWARD_STATISTICS_128X48),
    shared(128, 16, &kernels::POINTWISE_FORWARD_STATISTICS_128X16),
];

/// The data gradient.
pub(in crate::pointwise) const DATA_GRADIENT: &[Offer] = &[
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
pub(in crate::pointwise) const DATA_GRADIENT_SUMS: &[Offer] = &[
    shared_with_two(32, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_32X32),
    shared_with_two(64, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_64X32),
    shared_with_two(64, 64, &kernels::POINTWISE_DATA_GRADIENT_SUMS_64X64),
    shared_with_two(128, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_128X32),
    shared_with_two(128, 48, &kernels::POINTWISE_DATA_GRADIENT_SUMS_128X48),
    shared_with_two(128, 16, &kernels::POINTWISE_DATA_GRADIENT_SUMS_128X16),
];

/// The weight gradient, whose rows are inputs.
pub(in crate::pointwise) const WEIGHT_GRADIENT: &[Offer] = &[
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
