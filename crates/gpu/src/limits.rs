//! What a device can do at best, to measure kernels against.

use crate::{DeviceClass, Dispatch, Gpu, GpuError, PlanBuilder, Tensor, kernels};
use std::sync::Arc;

/// Chains of 4 values that an invocation of `limits/arithmetic` computes side by side.
const CHAINS: u64 = 8;

/// How often each measurement is made; the best counts, since nothing makes a device faster than it is.
const RUNS: usize = 5;

/// Rates that kernels of this library's kind, plain WGSL on `f32`, reach where nothing else holds them up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeviceLimits {
    /// Bytes per second of a large copy, those read and those written together.
    pub copy_bytes_per_second: f64,
    /// Multiply-accumulates per second in registers.
    pub macs_per_second: f64,
}

/// Appends a copy of `vectors` groups of 4 values.
pub fn copy(plan: &mut PlanBuilder, input: Tensor, output: Tensor, vectors: u64) {
    plan.dispatch(
        Dispatch::new(&kernels::LIMITS_COPY, "copy")
            .bind("input", input)
            .bind("output", output)
            .params(&[vectors as u32, 0, 0, 0])
            .threads(vectors)
            .cost(0, vectors * 32),
    );
}

/// Appends `rounds` rounds of the chains of `vectors` invocations.
pub fn arithmetic(plan: &mut PlanBuilder, factor: Tensor, output: Tensor, vectors: u64, rounds: u32) {
    plan.dispatch(
        Dispatch::new(&kernels::LIMITS_ARITHMETIC, "arithmetic")
            .bind("factor", factor)
            .bind("output", output)
            .params(&[vectors as u32, rounds, 0, 0])
            .threads(vectors)
            .cost(vectors * CHAINS * 4 * u64::from(rounds), vectors * 16),
    );
}

impl DeviceLimits {
    /// Measures them, in a second or so.
    ///
    /// # Errors
    /// A lost device, or one without memory for it.
    pub async fn measure(gpu: &Arc<Gpu>) -> Result<Self, GpuError> {
        // Beyond every cache, and long enough for the clock; a software device is slow and has small caches.
        let (bytes, invocations, rounds) = match gpu.class() {
            DeviceClass::Discrete => (256 << 20, 1 << 20, 2048),
            DeviceClass::Integrated => (128 << 20, 1 << 18, 1024),
            DeviceClass::Software => (64 << 20, 1 << 14, 512),
        };
        let vectors = gpu.binding_limit().min(bytes) / 16;
        let mut plan = PlanBuilder::for_class(gpu.class());
        let (from, to) = (plan.transient("from", vectors * 16), plan.transient("to", vectors * 16));
        copy(&mut plan, from, to, vectors);
        let copied = best(gpu, plan).await?;
        let mut plan = PlanBuilder::for_class(gpu.class());
        let factor = gpu.buffer_with("factor", &[0.5_f32; 4]).await?;
        let (factor, sums) = (plan.import(&factor), plan.transient("sums", invocations * 16));
        arithmetic(&mut plan, factor, sums, invocations, rounds);
        let computed = best(gpu, plan).await?;
        let macs = (invocations * CHAINS * 4 * u64::from(rounds)) as f64;
        Ok(Self { copy_bytes_per_second: (vectors * 32) as f64 / copied, macs_per_second: macs / computed })
    }
}

/// The shortest time of the plan's launch in seconds.
async fn best(gpu: &Arc<Gpu>, plan: PlanBuilder) -> Result<f64, GpuError> {
    let plan = plan.build(gpu).await?;
    // The first run compiles.
    plan.run()?;
    gpu.wait()?;
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let nanoseconds: f64 = plan.profile().await?.iter().map(|timing| timing.nanoseconds).sum();
        // A device whose clock does not tick in between tells nothing.
        if nanoseconds > 0.0 {
            best = best.min(nanoseconds * 1e-9);
        }
    }
    Ok(best)
}
