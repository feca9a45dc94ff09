//! Tiles of the products that run on matrix units, see `shaders/shared/matrix`.

use super::{Offer, Tile, Worker, in_workgroups, offer};
use photonet_gpu::{Format, Kernel, MatrixUnits, PlanBuilder, kernels};

/// Of a product over the rows: cost and start are in the units of those in registers, and fit what `photonet tune` measured of all
/// products of large and small on an H200, see docs/performance.md, when weights were still loaded in single precision. Of 64x128, 128x96 and
/// 128x128 nothing is measured: their costs are guesses by which, without
/// `photonet tune`, 112 channels or so alone take one.
const fn product(
    (rows, columns, step): (usize, usize, usize),
    (cost, start): (usize, usize),
    kernel: &'static Kernel,
) -> Offer {
    let offer = offer(Worker::Workgroup, rows, columns, cost, kernel);
    Offer { tile: Tile { start, step, ..offer.tile }, ..offer }
}

/// The same of a weight gradient; of 128x64 nothing is measured either.
const fn weights(rows: usize, columns: usize, cost: usize, kernel: &'static Kernel) -> Offer {
    offer(Worker::Workgroup, rows, columns, cost, kernel)
}

/// The tiles of a product forward, with or without what it leaves for a normalisation.
const fn forward(kernels: [&'static Kernel; 10]) -> [Offer; 10] {
    let [a, b, c, d, e, f, g, h, i, j] = kernels;
    [
        product((32, 32, 32), (45, 2000), a),
        product((64, 48, 16), (24, 2500), b),
        product((64, 64, 16), (20, 1800), c),
        product((64, 96, 16), (20, 1800), d),
        product((64, 96, 32), (16, 2000), e),
        product((128, 32, 16), (30, 2500), f),
        product((64, 128, 32), (16, 3000), g),
        product((128, 96, 16), (20, 3000), h),
        product((128, 96, 32), (16, 3000), i),
        product((128, 128, 16), (20, 3000), j),
    ]
}

pub(in crate::pointwise) const MATRIX_FORWARD: &[Offer] = &forward([
    &kernels::POINTWISE_FORWARD_MATRIX_32X32_64,
    &kernels::POINTWISE_FORWARD_MATRIX_64X48_64,
    &kernels::POINTWISE_FORWARD_MATRIX_64X64_128_16,
    &kernels::POINTWISE_FORWARD_MATRIX_64X96_128_16,
    &kernels::POINTWISE_FORWARD_MATRIX_64X96_128,
    &kernels::POINTWISE_FORWARD_MATRIX_128X32_128_16,
    &kernels::POINTWISE_FORWARD_MATRIX_64X128_128,
    &kernels::POINTWISE_FORWARD_MATRIX_128X96_256_16,
    &kernels::POINTWISE_FORWARD_MATRIX_128X96_256,
    &kernels::POINTWISE_FORWARD_MATRIX_128X128_256_16,
]);

pub(in crate::pointwise) const MATRIX_FORWARD_STATISTICS: &[Offer] = &forward([
    &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_32X32_64,
    &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X48_64,
    &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X64_128_16,
    &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X96_128_16,
    &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X96_128,
    &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X32_128_16,
    &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_64X128_128,
    &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X96_256_16,
    &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X96_256,
    &kernels::POINTWISE_FORWARD_STATISTICS_MATRIX_128X128_256_16,
]);

pub(in crate::pointwise) const MATRIX_DATA_GRADIENT: &[Offer] = &[
    product((32, 32, 32), (40, 1800), &kernels::POINTWISE_DATA_GRADIENT_MATRIX_32X32_64),
    product((64, 48, 16), (34, 1100), &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X48_64),
    product((64, 64, 16), (30, 1200), &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X64_128_16),
    product((64, 96, 32), (24, 1200), &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X96_128),
    product((64, 128, 32), (24, 2000), &kernels::POINTWISE_DATA_GRADIENT_MATRIX_64X128_128),
    product((128, 96, 16), (28, 2000), &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X96_256_16),
    product((128, 96, 32), (24, 2000), &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X96_256),
    product((128, 128, 16), (28, 2000), &kernels::POINTWISE_DATA_GRADIENT_MATRIX_128X128_256_16),
];

pub(in crate::pointwise) const MATRIX_DATA_GRADIENT_SUMS: &[Offer] = &[
    product((32, 32, 32), (40, 1200), &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_32X32_64),
    product((64, 48, 16), (42, 1900), &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X48_64),
    product((64, 32, 16), (60, 400), &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X32_64_16),
    product((64, 64, 32), (32, 1300), &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X64_128),
    product((128, 16, 16), (80, 1200), &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X16_64),
    product((64, 96, 32), (30, 2500), &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X96_128),
    product((64, 128, 32), (28, 3000), &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_64X128_128),
    product((128, 96, 16), (34, 3000), &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X96_256_16),
    product((128, 96, 32), (30, 3000), &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X96_256),
    product((128, 128, 16), (34, 3000), &kernels::POINTWISE_DATA_GRADIENT_SUMS_MATRIX_128X128_256_16),
];

pub(in crate::pointwise) const MATRIX_WEIGHT_GRADIENT: &[Offer] = &[
    weights(32, 32, 33, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_32X32_64),
    weights(32, 64, 30, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_32X64_128),
    weights(64, 64, 24, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_64X64_128),
    weights(128, 64, 24, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_128X64_256),
    weights(128, 128, 21, &kernels::POINTWISE_WEIGHT_GRADIENT_MATRIX_128X128_512),
];

/// Those of `offers` that a plan may take for operands of `format`: half precision alone, since the units multiply no more, and natively.
pub(in crate::pointwise) fn on_matrix_units(
    plan: &PlanBuilder,
    format: Format,
    offers: &'static [Offer],
) -> &'static [Offer] {
    units_for(plan, format).map_or(&[], |units| that_fit(units, offers))
}

/// The units that a plan may take for operands of `format`.
pub(crate) fn units_for(plan: &PlanBuilder, format: Format) -> Option<MatrixUnits> {
    let suits = in_workgroups(plan.class()) && format != Format::Single;
    plan.matrix_units().filter(|_| suits && cfg!(not(target_arch = "wasm32")))
}

/// What a device with these units can run: of a list those before the first that needs more than it has. All that Vulkan promises is enough
/// for all but tiles of more than 128 invocations, which stand last.
pub(in crate::pointwise) fn that_fit(units: MatrixUnits, offers: &'static [Offer]) -> &'static [Offer] {
    &offers[..offers.iter().take_while(|offer| units.fit(offer.kernel)).count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_runs_what_it_has_memory_for() {
        for list in [
            MATRIX_FORWARD,
            MATRIX_FORWARD_STATISTICS,
            MATRIX_DATA_GRADIENT,
            MATRIX_DATA_GRADIENT_SUMS,
            MATRIX_WEIGHT_GRADIENT,
        ] {
            let fit = |workgroup_bytes, invocations| {
                let units = MatrixUnits { edge: 16, workgroup_bytes, invocations, one_of_several: false };
                assert!(that_fit(units, list).iter().all(|offer| units.fit(offer.kernel)));
                that_fit(units, list).len()
            };
            // What NVIDIA's GPUs have, the least that Vulkan allows, and less.
            assert_eq!(fit(48 << 10, 1024), list.len());
            let long = list.iter().filter(|offer| offer.kernel.workgroup_size[0] > 128).count();
            assert!(long < list.len());
            assert_eq!(fit(16 << 10, 128), list.len() - long);
            assert_eq!(fit(1 << 10, 1024), 0);
            // None that fits stands behind one that does not.
            for (bytes, invocations) in [(16 << 10, 1024), (32 << 10, 1024), (48 << 10, 128), (48 << 10, 256)]
            {
                let units =
                    MatrixUnits { edge: 16, workgroup_bytes: bytes, invocations, one_of_several: false };
                let all = list.iter().filter(|offer| units.fit(offer.kernel)).count();
                assert_eq!(fit(bytes, invocations), all, "{bytes} {invocations}");
            }
        }
    }
}
