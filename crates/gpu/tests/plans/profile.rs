//! Profiles, with timestamps where the adapter has them and without.

use crate::{add, buffer, gpu, wait};
use photonet_gpu::{DeviceChoice, Gpu, GpuOptions, PlanBuilder};
use std::sync::Arc;

/// Three launches of different sizes; their profile, and whether they still compute.
pub(crate) fn profile(gpu: &Arc<Gpu>) {
    let input = buffer(gpu, &[1.0; 4096]);
    let output = buffer(gpu, &[f32::NAN; 4096]);
    let mut plan = PlanBuilder::new();
    let (x, last) = (plan.import(&input), plan.import(&output));
    let (a, b) = (plan.transient("a", 16_384), plan.transient("b", 16_384));
    for (left, to, cost) in [(x, a, 1), (a, b, 2), (b, last, 3)] {
        plan.dispatch(add(left, x, to, 1024).cost(cost, 10 * cost));
    }
    let plan = wait(plan.build(gpu));
    let timings = wait(plan.profile());
    assert_eq!(timings.iter().map(|t| t.cost.macs).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(timings.iter().all(|t| t.kernel == "residual/add" && t.label == "sum"));
    assert!(timings.iter().all(|t| t.nanoseconds.is_finite() && (0.0..1e10).contains(&t.nanoseconds)));
    assert!(timings.iter().any(|t| t.nanoseconds > 0.0));
    assert_eq!(wait(gpu.read::<f32>(&output, 0, 4096)), [4.0; 4096]);
}

#[test]
fn without_timestamps_each_launch_is_timed_by_the_clock() {
    assert!(!gpu().has_timestamps());
    profile(gpu());
}

#[test]
fn with_all_that_the_adapter_offers_each_launch_is_timed() {
    let options = GpuOptions { portable: false, ..GpuOptions::new(DeviceChoice::Auto) };
    let gpu = wait(Gpu::open(&options));
    assert_eq!(gpu.has_timestamps(), gpu.adapter().timestamps);
    profile(&gpu);
}
