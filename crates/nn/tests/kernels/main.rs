//! Every kernel against its CPU twin, on a device with WebGPU's default limits and no features.
//! With `PHOTONET_CHECKED=1` in the environment shaders keep their bounds and loop checks.

mod batch_norm;
mod depthwise;
mod pointwise;

use photonet_gpu::{Gpu, GpuOptions};
use photonet_nn::check;
use std::sync::{Arc, OnceLock};

/// The device, opened once for all tests of this binary.
fn gpu() -> &'static Arc<Gpu> {
    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| match pollster::block_on(Gpu::open(&GpuOptions::portable())) {
        Ok(gpu) => gpu,
        Err(error) => panic!("{error}"),
    })
}

/// Runs the cases of one layer and fails with a table of those that do not match.
fn check_layer(layer: &str) {
    let cases: Vec<_> =
        check::cases().into_iter().filter(|c| c.kernel.split('/').next() == Some(layer)).collect();
    assert!(!cases.is_empty(), "no case for {layer}");
    let mut failures = Vec::new();
    for case in &cases {
        let outcome = pollster::block_on(case.run(gpu())).unwrap();
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
