//! Tiles of the products that run on matrix units, see `shaders/shared/matrix`.

use super::{Offer, Tile, Worker, worker};
use photonet_gpu::{Format, Kernel, PlanBuilder, kernels};

/// Costs by counting what an invocation issues: 26 instructions for a vec4 of the rows, from its load to where it lies in workgroup memory, 6 for
/// one of the second matrix, 60 for a step whatever its size, and 8 for an output; what the units themselves take is little beside. Not measured.
const fn product(rows: usize, columns: usize, step: usize, kernel: &'static Kernel) -> Offer {
    let cost = 6500 / columns + 1500 / rows + of_step(rows, columns, step);
    Offer { tile: Tile { worker: Worker::Workgroup, rows, columns, cost, start: 8000, step }, kernel }
}

/// The same of a weight gradient, of which both matrices are taken through something.
const fn weights(rows: usize, columns: usize, step: usize, kernel: &'static Kernel) -> Offer {
    let cost = 6500 / columns + 8000 / rows + of_step(rows, columns, step);
    Offer { tile: Tile { worker: Worker::Workgroup, rows, columns, cost, start: 0, step: 1 }, kernel }
}

/// What a step costs whatever its size, for each multiply-accumulate.
const fn of_step(rows: usize, columns: usize, step: usize) -> usize {
    60 * 64 * 1000 / (rows * columns * step)
}

pub(in crate::pointwise) const MATRIX_FORWARD: &[Offer] = &[
    product(32, 32, 32, &kernels::POINTWISE_FORWARD_MATRIX_32X32_32),
    product(64, 32, 16, &kernels::POINTWISE_FORWARD_MATRIX_64X32_16),
    product(64, 32, 32, &kernels::POINTWISE_FORWARD_MATRIX_64X32_32),
    product(64, 64, 16, &kernels::POINTWISE_FORWARD_MATRIX_64X64_16),
    product(64, 64, 32, &kernels::POINTWISE_FORWARD_MATRIX_64X64_32),
    product(128, 16, 16, &kernels::POINTWISE_FORWARD_MATRIX_128X16_16),
    product(128, 32, 16, &kernels::POINTWISE_FORWARD_MATRIX_128X32_16),
    product(128, 32, 32, &kernels::POINTWISE_FORWARD_MATRIX_128X32_32),
    product(128, 48, 16, &kernels::POINTWISE_FORWARD_MATRIX_128X48_16),
];

pub(in crate::pointwise) const MATRIX_FORWARD_STATISTICS: &[Offer] = &[
    product(32, 32, 32, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_32X32_32),
    product(64, 32, 16, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X32_16),
    product(64, 32, 32, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X32_32),
    product(64, 64, 16, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X64_16),
    product(64, 64, 32, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X64_32),
    product(128, 16, 16, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X16_16),
    product(128, 32, 16, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X32_16),
    product(128, 32, 32, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X32_32),
    product(128, 48, 16, &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X48_16),
];

pub(in crate::pointwise) const MATRIX_DATA_GRADIENT: &[Offer] = &[
    product(32, 32, 32, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_32X32_32),
    product(64, 32, 16, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X32_16),
    product(64, 32, 32, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X32_32),
    product(64, 64, 16, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X64_16),
    product(64, 64, 32, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X64_32),
    product(128, 16, 16, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X16_16),
    product(128, 32, 16, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X32_16),
    product(128, 32, 32, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X32_32),
    product(128, 48, 16, &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X48_16),
];

pub(in crate::pointwise) const MATRIX_DATA_GRADIENT_SUMS: &[Offer] = &[
    product(32, 32, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_32X32_32),
    product(64, 32, 16, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X32_16),
    product(64, 32, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X32_32),
    product(64, 64, 16, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X64_16),
    product(64, 64, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X64_32),
    product(128, 16, 16, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X16_16),
    product(128, 32, 16, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X32_16),
    product(128, 32, 32, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X32_32),
    product(128, 48, 16, &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X48_16),
];

pub(in crate::pointwise) const MATRIX_WEIGHT_GRADIENT: &[Offer] = &[
    weights(32, 32, 32, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_32X32_32),
    weights(64, 32, 32, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_64X32_32),
    weights(64, 64, 16, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_64X64_16),
    weights(64, 64, 32, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_64X64_32),
    weights(128, 32, 16, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_128X32_16),
    weights(128, 32, 32, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_128X32_32),
    weights(32, 128, 16, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_32X128_16),
    weights(32, 128, 32, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_32X128_32),
    weights(16, 64, 32, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_16X64_32),
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
