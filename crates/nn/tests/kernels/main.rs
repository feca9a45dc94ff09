//! Every kernel against its CPU twin, on a device with WebGPU's default limits and no features.
//! With `PHOTONET_WATCHED=1` in the environment a kernel that reaches beyond the end of a tensor fails its test.

mod half;
mod matrix;
mod subgroups;

use photonet_gpu::{DeviceClass, Gpu, GpuOptions, Kernel, kernels};
use photonet_nn::check::{self, Case};
use std::collections::HashSet;
use std::sync::Arc;

/// A device of the test's own: software devices compile one kernel after the other, and tests that shared one would wait for each other.
fn gpu() -> Arc<Gpu> {
    match pollster::block_on(Gpu::open(&GpuOptions::portable())) {
        Ok(gpu) => gpu,
        Err(error) => panic!("{error}"),
    }
}

/// A test for every layer that has cases, by its name.
macro_rules! layers {
    ($($layer:ident)*) => {
        const LAYERS: &[&str] = &[$(stringify!($layer)),*];

        mod kernels_match_their_twins {
            $(#[test]
            fn $layer() {
                super::check_layer(stringify!($layer));
            })*
        }
    };
}

layers!(activation batch_norm dense depthwise dropout input limits loss optimiser pointwise pool reduce residual squeeze_excite);

fn layer_of(case: &Case) -> &str {
    case.kernel.split('/').next().unwrap_or_default()
}

/// Runs the cases of one layer.
fn check_layer(layer: &str) {
    let cases: Vec<Case> = check::cases().into_iter().filter(|case| layer_of(case) == layer).collect();
    assert!(!cases.is_empty(), "no case for {layer}");
    check_cases(&gpu(), cases);
}

/// Runs `cases` on `gpu` and fails with a table of those that do not match.
fn check_cases(gpu: &Arc<Gpu>, cases: Vec<Case>) {
    let mut failures = Vec::new();
    for case in &cases {
        let outcome = match pollster::block_on(case.run(gpu)) {
            Ok(outcome) => outcome,
            Err(error) => panic!("{} {}: {error}", case.kernel, case.shape),
        };
        let line = format!(
            "{} {}: error {:.2e} in {}, allowed {:.0e}",
            case.kernel, case.shape, outcome.error, outcome.output, outcome.tolerance
        );
        println!("{line}");
        if !outcome.passed() {
            failures.push(line);
        }
    }
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// Fails with the names of those `wanted` kernels that none of `cases` launches on a device of `class`.
fn expect_launched<'a>(
    class: DeviceClass,
    cases: impl Iterator<Item = &'a Case>,
    wanted: impl Fn(&Kernel) -> bool,
) {
    let launched: HashSet<_> = cases.flat_map(|case| case.kernels(class)).collect();
    let all = kernels::ALL.iter().filter(|kernel| wanted(kernel)).map(|kernel| kernel.name);
    let missing: Vec<_> = all.filter(|name| !launched.contains(name)).collect();
    assert!(missing.is_empty(), "no case launches {missing:?}");
}

#[test]
fn every_kernel_has_a_case() {
    let cases = check::cases();
    let not_folded = cases.iter().filter(|case| !case.shape.contains("folded"));
    // Others are for devices that have matrix units or subgroups that exchange values, see `matrix` and `subgroups`.
    expect_launched(DeviceClass::Software, not_folded, |kernel| !kernel.matrix && !kernel.subgroups);
}

#[test]
fn every_case_is_of_a_layer_with_a_test() {
    let cases = check::cases();
    let others: HashSet<_> = cases.iter().map(layer_of).filter(|layer| !LAYERS.contains(layer)).collect();
    assert!(others.is_empty(), "no test runs the cases of {others:?}");
}
