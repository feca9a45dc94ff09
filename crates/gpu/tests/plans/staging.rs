//! Inputs through staging memory.

use crate::{buffer, gpu, sum_plan, wait};
use photonet_gpu::{Gpu, Staging};
use pollster::block_on;

fn sums(gpu: &Gpu, output: &photonet_gpu::Buffer) -> Vec<f32> {
    wait(gpu.read(output, 0, 64))
}

#[test]
fn staged_bytes_are_there_before_the_first_launch_of_their_run() {
    let (left, right) = (buffer(gpu(), &[0.0; 64]), buffer(gpu(), &[0.5; 64]));
    let (plan, output) = sum_plan(gpu(), &left, &right, 16);
    let plan = block_on(plan.build(gpu())).unwrap();
    let staging = Staging::new(gpu());
    let fill = |value: f32| block_on(staging.fill(bytemuck::cast_slice(&[value; 64]))).unwrap();
    // Several may be filled before the first is used, as a loader does that is ahead.
    let (first, second) = (fill(1.0), fill(2.0));
    plan.run_with(first, &left).unwrap();
    assert_eq!(sums(gpu(), &output), [1.5; 64]);
    plan.run_with(second, &left).unwrap();
    assert_eq!(sums(gpu(), &output), [2.5; 64]);
    // A run without staged bytes keeps what there is.
    plan.run().unwrap();
    assert_eq!(sums(gpu(), &output), [2.5; 64]);
}

#[test]
fn memory_is_used_again_once_the_device_is_done() {
    let gpu = crate::open();
    let (left, right) = (buffer(&gpu, &[0.0; 64]), buffer(&gpu, &[0.0; 64]));
    let (plan, output) = sum_plan(&gpu, &left, &right, 16);
    let plan = block_on(plan.build(&gpu)).unwrap();
    let staging = Staging::new(&gpu);
    let before = gpu.requested_bytes();
    for number in 0..20 {
        let staged = block_on(staging.fill(bytemuck::cast_slice(&[number as f32; 64]))).unwrap();
        plan.run_with(staged, &left).unwrap();
        // Reading waits for the run, as a step waits for one that is far enough behind.
        assert_eq!(sums(&gpu, &output), [number as f32; 64]);
    }
    assert_eq!(gpu.requested_bytes() - before, 256);
}

#[test]
fn odd_lengths_end_with_zeros() {
    let (left, right) = (buffer(gpu(), &[9.0; 64]), buffer(gpu(), &[0.0; 64]));
    let (plan, output) = sum_plan(gpu(), &left, &right, 16);
    let plan = block_on(plan.build(gpu())).unwrap();
    // The first word and two bytes of the second, 0x40000000, which are its lower ones: 0.
    let bytes = [1.0_f32.to_le_bytes(), 2.0_f32.to_le_bytes()].concat();
    let staged = block_on(Staging::new(gpu()).fill(&bytes[..6])).unwrap();
    plan.run_with(staged, &left).unwrap();
    let sums = sums(gpu(), &output);
    assert_eq!(sums[..3], [1.0, 0.0, 9.0]);
}

#[test]
fn more_than_the_target_holds_is_an_error() {
    let gpu = crate::open();
    let (left, right) = (buffer(&gpu, &[0.0; 64]), buffer(&gpu, &[0.0; 64]));
    let (plan, _) = sum_plan(&gpu, &left, &right, 16);
    let plan = block_on(plan.build(&gpu)).unwrap();
    let staged = block_on(Staging::new(&gpu).fill(&[0; 1000])).unwrap();
    assert!(plan.run_with(staged, &left).and_then(|()| gpu.wait()).is_err());
}
