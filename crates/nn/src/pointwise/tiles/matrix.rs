//! Tiles of the products that run on matrix units, see `shaders/shared/matrix`.

use super::{Offer, Tile, Worker, worker};
use photonet_gpu::{Format, Kernel, PlanBuilder, kernels};

/// Of a product over the rows.
const fn product(rows: usize, columns: usize, kernel: &'static Kernel) -> Offer {
    let cost = 6500 / columns + 1500 / rows;
    Offer { tile: Tile { worker: Worker::Workgroup, rows, columns, cost, start: 8000, step: 32 }, kernel }
}

/// The same of a weight gradient, of which both matrices are taken through something.
const fn weights(rows: usize, columns: usize, kernel: &'static Kernel) -> Offer {
    let cost = 6500 / columns + 8000 / rows;
    Offer { tile: Tile { worker: Worker::Workgroup, rows, columns, cost, start: 0, step: 1 }, kernel }
}

pub(in crate::pointwise) const MATRIX_FORWARD: &[Offer] = &[
    product(32, 32, &kernels::POINTWISE_FORWARD_MATRIX_32X32),
    product(64, 32, &kernels::POINTWISE_FORWARD_MATRIX_64X32),
    product(32, 64, &kernels::POINTWISE_FORWARD_MATRIX_32X64),
    product(64, 64, &kernels::POINTWISE_FORWARD_MATRIX_64X64),
    product(128, 16, &kernels::POINTWISE_FORWARD_MATRIX_128X16),
    product(128, 32, &kernels::POINTWISE_FORWARD_MATRIX_128X32),
    product(128, 48, &kernels::POINTWISE_FORWARD_MATRIX_128X48),
    product(128, 64, &kernels::POINTWISE_FORWARD_MATRIX_128X64),
    product(64, 128, &kernels::POINTWISE_FORWARD_MATRIX_64X128),
    product(128, 128, &kernels::POINTWISE_FORWARD_MATRIX_128X128),
];

pub(in crate::pointwise) const MATRIX_FORWARD_STATISTICS: &[Offer] = &[
    product(32, 32, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_32X32),
    product(64, 32, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X32),
    product(32, 64, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_32X64),
    product(64, 64, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X64),
    product(128, 16, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X16),
    product(128, 32, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X32),
    product(128, 48, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X48),
    product(128, 64, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X64),
    product(64, 128, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X128),
    product(128, 128, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X128),
];

pub(in crate::pointwise) const MATRIX_DATA_GRADIENT: &[Offer] = &[
    product(32, 32, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_32X32),
    product(64, 32, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X32),
    product(32, 64, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_32X64),
    product(64, 64, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X64),
    product(128, 16, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X16),
    product(128, 32, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X32),
    product(128, 48, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X48),
    product(128, 64, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X64),
    product(64, 128, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X128),
    product(128, 128, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X128),
];

pub(in crate::pointwise) const MATRIX_DATA_GRADIENT_SUMS: &[Offer] = &[
    product(32, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_32X32),
    product(64, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X32),
    product(32, 64, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_32X64),
    product(64, 64, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X64),
    product(128, 16, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X16),
    product(128, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X32),
    product(128, 48, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X48),
    product(128, 64, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X64),
    product(64, 128, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X128),
    product(128, 128, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X128),
];

pub(in crate::pointwise) const MATRIX_WEIGHT_GRADIENT: &[Offer] = &[
    weights(32, 32, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_32X32),
    weights(64, 32, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_64X32),
    weights(32, 64, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_32X64),
    weights(64, 64, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_64X64),
    weights(16, 64, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_16X64),
    weights(128, 64, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_128X64),
    weights(64, 128, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_64X128),
    weights(128, 128, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_128X128),
];

/// Those of `offers` that a plan may take for operands of `format`: half precision alone, since the units multiply no more, and natively.
pub(in crate::pointwise) fn on_matrix_units(
    plan: &PlanBuilder,
    format: Format,
    offers: &'static [Offer],
) -> &'static [Offer] {
    let suits = plan.matrix_units() && worker(plan.class()) == Worker::Workgroup && format != Format::Single;
    if suits && cfg!(not(target_arch = "wasm32")) { offers } else { &[] }
}
