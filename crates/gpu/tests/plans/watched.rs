//! Kernels that are watched for reaching beyond the end of what they are given, on devices with Vulkan.

use crate::{add, buffer, wait};
use photonet_gpu::{Buffer, Gpu, GpuError, GpuOptions, PlanBuilder};
use pollster::block_on;
use std::sync::Arc;

/// A device whose kernels are watched; `None`, said, where none is.
fn open() -> Option<Arc<Gpu>> {
    match block_on(Gpu::open(&GpuOptions { watched: true, ..GpuOptions::portable() })) {
        Ok(gpu) => Some(gpu),
        Err(error @ GpuError::NoDevice { .. }) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Adds `vectors` vectors to themselves, into a buffer of 4 of them as is the input.
fn sum_of_four(gpu: &Arc<Gpu>, vectors: u32) -> Buffer {
    let (input, output) = (buffer(gpu, &[1.0; 16]), buffer(gpu, &[f32::NAN; 16]));
    let mut plan = PlanBuilder::new();
    let (x, sum) = (plan.import(&input), plan.import(&output));
    plan.dispatch(add(x, x, sum, vectors));
    let plan = wait(plan.build(gpu));
    wait(std::future::ready(plan.run()));
    output
}

#[test]
fn what_stays_within_its_tensors_is_as_good_as_not_watched() {
    let Some(gpu) = open() else { return };
    assert!(gpu.is_watched() && gpu.records() && gpu.is_robust());
    let output = sum_of_four(&gpu, 4);
    assert_eq!(wait(gpu.read::<f32>(&output, 0, 16)), [2.0; 16]);
    assert_eq!(wait(gpu.beyond()), [""; 0]);
}

#[test]
fn what_reaches_beyond_is_told_once_by_kernel_and_binding() {
    let Some(gpu) = open() else { return };
    sum_of_four(&gpu, 7);
    // Of what an invocation reached beyond the last one.
    let found = wait(gpu.beyond());
    assert_eq!(found, ["residual/add () reached 3 elements beyond `output`"]);
    assert_eq!(wait(gpu.beyond()), [""; 0]);
    // Again, and no further: nothing new.
    sum_of_four(&gpu, 6);
    assert_eq!(wait(gpu.beyond()), [""; 0]);
    sum_of_four(&gpu, 8);
    assert_eq!(wait(gpu.beyond()).len(), 1);
}

#[test]
fn reading_results_of_what_reached_beyond_is_an_error() {
    let Some(gpu) = open() else { return };
    let output = sum_of_four(&gpu, 5);
    let error = block_on(gpu.read::<f32>(&output, 0, 16)).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, GpuError::Beyond(_)), "{message}");
    assert!(message.contains("residual/add () reached 1 elements beyond `output`"), "{message}");
    assert!(message.contains("please report it"), "{message}");
}
