//! Profiles, with timestamps where the adapter has them and without.

use crate::{add, buffer, gpu, wait};
use photonet_gpu::{DeviceChoice, Gpu, GpuOptions, PlanBuilder};
use std::sync::Arc;

/// More than any device gets in one submit.
const LONG: u64 = 1 << 50;

/// The profile of three launches of different costs, and whether they still compute: in one submit, and in one for each.
pub(crate) fn profile(gpu: &Arc<Gpu>) {
    profile_of(gpu, 0, 1);
    profile_of(gpu, LONG, 3);
}

fn profile_of(gpu: &Arc<Gpu>, cost: u64, submits: usize) {
    let macs = [1, 2, 3].map(|more| cost + more);
    let input = buffer(gpu, &[1.0; 4096]);
    let output = buffer(gpu, &[f32::NAN; 4096]);
    let mut plan = PlanBuilder::new();
    let (x, last) = (plan.import(&input), plan.import(&output));
    let (a, b) = (plan.transient("a", 16_384), plan.transient("b", 16_384));
    for ((left, to), macs) in [(x, a), (a, b), (b, last)].into_iter().zip(macs) {
        plan.dispatch(add(left, x, to, 1024).cost(macs, 10));
    }
    let plan = wait(plan.build(gpu));
    assert_eq!(plan.report().submits, submits);
    let timings = wait(plan.profile());
    assert_eq!(timings.iter().map(|t| t.cost.macs).collect::<Vec<_>>(), macs);
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
