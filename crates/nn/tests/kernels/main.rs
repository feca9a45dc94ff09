//! Every kernel against its CPU twin, on a device with WebGPU's default limits and no features.
//! With `PHOTONET_WATCHED=1` in the environment a kernel that reaches beyond the end of a tensor fails its test.

mod activation;
mod batch_norm;
mod dense;
mod depthwise;
mod dropout;
mod half;
mod input;
mod limits;
mod loss;
mod matrix;
mod optimiser;
mod pointwise;
mod pool;
mod reduce;
mod residual;
mod squeeze_excite;
mod subgroups;

use photonet_gpu::{Gpu, GpuOptions, Kernel, kernels};
use photonet_nn::check::{self, Case};
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

/// The device, opened once for all tests of this binary.
fn gpu() -> &'static Arc<Gpu> {
    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| match pollster::block_on(Gpu::open(&GpuOptions::portable())) {
        Ok(gpu) => gpu,
        Err(error) => panic!("{error}"),
    })
}

/// Runs the cases of one layer.
fn check_layer(layer: &str) {
    let cases: Vec<Case> =
        check::cases().into_iter().filter(|c| c.kernel.split('/').next() == Some(layer)).collect();
    assert!(!cases.is_empty(), "no case for {layer}");
    check_cases(gpu(), cases);
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

/// Launches `cases` on `gpu` and fails with the names of those `wanted` kernels that none of them launches.
fn launch_all<'a>(gpu: &Arc<Gpu>, cases: impl Iterator<Item = &'a Case>, wanted: impl Fn(&Kernel) -> bool) {
    let mut launched = HashSet::new();
    for case in cases {
        match pollster::block_on(case.kernels(gpu)) {
            Ok(kernels) => launched.extend(kernels),
            Err(error) => panic!("{} {}: {error}", case.kernel, case.shape),
        }
    }
    let all = kernels::ALL.iter().filter(|kernel| wanted(kernel)).map(|kernel| kernel.name);
    let missing: Vec<_> = all.filter(|name| !launched.contains(name)).collect();
    assert!(missing.is_empty(), "no case launches {missing:?}");
}

#[test]
fn every_kernel_has_a_case() {
    let cases = check::cases();
    let not_folded = cases.iter().filter(|case| !case.shape.contains("folded"));
    // Others are for devices that have matrix units or subgroups that exchange values, see `matrix` and `subgroups`.
    launch_all(gpu(), not_folded, |kernel| !kernel.matrix && !kernel.subgroups);
}
