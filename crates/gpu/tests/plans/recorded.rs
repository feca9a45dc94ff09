//! Plans that are recorded when they are made, on devices with Vulkan.

use crate::{add, buffer, sum_plan, wait};
use photonet_gpu::{Gpu, GpuError, GpuOptions, PlanBuilder, Staging};
use pollster::block_on;
use std::sync::Arc;

/// A device that records its plans; `None`, said, where none does.
fn open() -> Option<Arc<Gpu>> {
    let gpu = wait(Gpu::open(&GpuOptions { recorded: Some(true), ..GpuOptions::portable() }));
    if !gpu.records() {
        println!("skipped: {} does not run on Vulkan", gpu.adapter().name);
    }
    gpu.records().then_some(gpu)
}

#[test]
fn what_does_not_depend_on_another_shares_a_phase() {
    let Some(gpu) = open() else { return };
    let input = buffer(&gpu, &[1.0; 64]);
    let outputs = [buffer(&gpu, &[0.0; 64]), buffer(&gpu, &[0.0; 64])];
    let mut plan = PlanBuilder::new();
    let x = plan.import(&input);
    let [first, second] = outputs.each_ref().map(|output| plan.import(output));
    let [a, b, c] = ["a", "b", "c"].map(|label| plan.transient(label, 256));
    // In memory of their own: a launch waits for those whose memory it takes, too.
    for kept in [a, b, c] {
        plan.keep(kept);
    }
    // Two chains, of two and three launches.
    for (left, to) in [(x, a), (a, first), (x, b), (b, c), (c, second)] {
        plan.dispatch(add(left, x, to, 16));
    }
    let plan = wait(plan.build(&gpu));
    assert_eq!((plan.report().dispatches, plan.report().phases), (5, 3));
    plan.run().unwrap();
    let values = outputs.map(|output| wait(gpu.read::<f32>(&output, 0, 1))[0]);
    assert_eq!(values, [3.0, 4.0]);
    // Encoded, each launch is a phase of its own: wgpu decides.
    let encoded = wait(Gpu::open(&GpuOptions { recorded: Some(false), ..GpuOptions::portable() }));
    let input = buffer(&encoded, &[1.0; 64]);
    let mut plan = PlanBuilder::new();
    let x = plan.import(&input);
    for label in ["a", "b"] {
        let to = plan.transient(label, 256);
        plan.dispatch(add(x, x, to, 16));
    }
    assert_eq!(wait(plan.build(&encoded)).report().phases, 2);
}

#[test]
fn long_work_is_cut_between_phases_and_within_them() {
    let Some(gpu) = open() else { return };
    let input = buffer(&gpu, &[1.0; 16]);
    let output = buffer(&gpu, &[f32::NAN; 16]);
    let mut plan = PlanBuilder::new();
    let (x, last) = (plan.import(&input), plan.import(&output));
    let mut tensor = x;
    for step in 0..30 {
        let next = plan.transient("next", 64);
        // Of some two together are above what one submit may hold, of the others one.
        plan.dispatch(add(tensor, x, next, 4).cost(if step % 3 == 0 { 1 << 50 } else { 60_000_000_000 }, 0));
        tensor = next;
    }
    plan.dispatch(add(tensor, x, last, 4));
    let plan = wait(plan.build(&gpu));
    // Each by itself, whether it is one of the longest or not; the last one beside the one before it.
    assert!((30..=31).contains(&plan.report().submits), "{}", plan.report().submits);
    plan.run().unwrap();
    plan.run().unwrap();
    assert_eq!(wait(gpu.read::<f32>(&output, 0, 16)), [32.0; 16]);
    // Four that do not depend on one another, each as long as a submit.
    let mut plan = PlanBuilder::new();
    let x = plan.import(&input);
    for label in ["a", "b", "c", "d"] {
        let to = plan.transient(label, 64);
        plan.keep(to);
        plan.dispatch(add(x, x, to, 4).cost(1 << 50, 0));
    }
    let report = wait(plan.build(&gpu)).report();
    assert_eq!((report.phases, report.submits), (1, 4));
}

#[test]
fn what_a_launch_writes_it_binds_once() {
    let Some(gpu) = open() else { return };
    let both = buffer(&gpu, &[1.0; 64]);
    let mut plan = PlanBuilder::new();
    // Two tensors, one buffer.
    let (x, y) = (plan.import(&both), plan.import(&both));
    plan.dispatch(add(x, x, y, 16));
    let error = block_on(plan.build(&gpu)).err().unwrap().to_string();
    assert!(error.ends_with("'sum' writes a range of a buffer that it binds a second time"), "{error}");
}

/// Several runs on their way, each with its own input, and what a run leaves for the next.
#[test]
fn runs_that_follow_one_another_keep_their_order() {
    let Some(gpu) = open() else { return };
    let (input, total) = (buffer(&gpu, &[0.0; 64]), buffer(&gpu, &[0.0; 64]));
    let mut plan = PlanBuilder::new();
    let (x, sum) = (plan.import(&input), plan.import(&total));
    let next = plan.transient("next", 256);
    let zero = plan.transient("zero", 256);
    plan.keep(zero);
    plan.dispatch(add(x, sum, next, 16));
    plan.dispatch(add(next, zero, sum, 16));
    let plan = wait(plan.build(&gpu));
    let staging = Staging::new(&gpu);
    for value in 1..=20_u8 {
        let staged = block_on(staging.fill(bytemuck::cast_slice(&[f32::from(value); 64]))).unwrap();
        plan.run_with(staged, &input).unwrap();
    }
    assert_eq!(wait(gpu.read::<f32>(&total, 0, 64)), [210.0; 64]);
    // What the host writes lies between two runs as well.
    gpu.write(&total, 0, &[0.5_f32; 64]);
    plan.run().unwrap();
    assert_eq!(wait(gpu.read::<f32>(&total, 0, 64)), [20.5; 64]);
}

#[test]
fn a_plan_may_go_while_the_device_is_at_it() {
    let Some(gpu) = open() else { return };
    let input = buffer(&gpu, &vec![1.0; 1 << 20]);
    let output = {
        let (plan, output) = sum_plan(&gpu, &input, &input, 1 << 18);
        let plan = wait(plan.build(&gpu));
        for _ in 0..3 {
            plan.run().unwrap();
        }
        output
    };
    assert_eq!(wait(gpu.read::<f32>(&output, 0, 4)), [2.0; 4]);
}

#[test]
fn buffers_begin_as_zeros() {
    let Some(gpu) = open() else { return };
    let fresh = wait(gpu.buffer("fresh", 4096));
    let one = buffer(&gpu, &[1.0; 1024]);
    let (plan, output) = sum_plan(&gpu, &fresh, &one, 256);
    wait(plan.build(&gpu)).run().unwrap();
    assert_eq!(wait(gpu.read::<f32>(&output, 0, 1024)), [1.0; 1024]);
    // Written by recorded launches alone, which wgpu does not see: it must not clear it before it is read.
    let mut plan = PlanBuilder::new();
    let (x, y) = (plan.import(&one), plan.import(&fresh));
    plan.dispatch(add(x, x, y, 256));
    wait(plan.build(&gpu)).run().unwrap();
    assert_eq!(wait(gpu.read::<f32>(&fresh, 0, 1024)), [2.0; 1024]);
}

#[test]
fn each_launch_is_timed_with_timestamps_and_without() {
    let Some(gpu) = open() else { return };
    assert!(!gpu.has_timestamps());
    crate::profile::profile(&gpu);
    let options = GpuOptions { portable: false, recorded: Some(true), ..GpuOptions::portable() };
    let gpu = wait(Gpu::open(&options));
    assert_eq!(gpu.has_timestamps(), gpu.adapter().timestamps);
    crate::profile::profile(&gpu);
}

#[test]
fn a_lost_device_and_a_range_beyond_its_buffer_are_typed_errors() {
    let Some(gpu) = open() else { return };
    let mut beyond = PlanBuilder::new();
    let [a, b, c] = ["a", "b", "c"].map(|label| beyond.transient(label, 512));
    beyond.dispatch(add(a.slice(256, 512), b, c, 8));
    let error = block_on(beyond.build(&gpu)).err().unwrap().to_string();
    assert!(error.ends_with("binding 1 of 'sum' is 512 bytes from 256 on, of a buffer of 512"), "{error}");
    let input = buffer(&gpu, &[1.0; 16]);
    let (plan, _) = sum_plan(&gpu, &input, &input, 4);
    let plan = wait(plan.build(&gpu));
    gpu.destroy();
    assert!(matches!(plan.run(), Err(GpuError::Lost { .. })));
    assert!(matches!(block_on(plan.profile()), Err(GpuError::Lost { .. })));
}

#[test]
fn kernels_are_written_as_the_driver_gets_them() {
    if open().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let build = |to: &std::path::Path| {
        let gpu = wait(Gpu::open(&GpuOptions { spirv: Some(to.into()), ..GpuOptions::portable() }));
        assert!(gpu.records());
        let input = buffer(&gpu, &[1.0; 64]);
        let mut plan = PlanBuilder::new();
        let (x, sum) = (plan.import(&input), plan.transient("sum", 256));
        plan.dispatch(add(x, x, sum, 16));
        block_on(plan.build(&gpu)).map(|_| ())
    };
    // A folder that is still to be made.
    let within = folder.path().join("new");
    build(&within).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let names: Vec<String> = std::fs::read_dir(&within).unwrap().map(name).collect();
    assert_eq!(names, ["residual.add f32-f32-f32.spv"]);
    // SPIR-V's magic number.
    let words = std::fs::read(within.join(&names[0])).unwrap();
    assert_eq!(words[..4], 0x0723_0203_u32.to_le_bytes());
    // A file stands where the folder should.
    let blocked = within.join(&names[0]);
    let error = build(&blocked).unwrap_err();
    assert!(matches!(&error, GpuError::Driver { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("residual/add") && message.contains(&*blocked.to_string_lossy()), "{message}");
}
