//! Running plans: pooled buffers, replays, submits in pieces, folded grids.

use crate::{add, buffer, gpu, open, sum_plan};
use photonet_gpu::{Access, Binding, Compiled, Dispatch, Kernel, PlanBuilder, Role, Source};
use pollster::block_on;

fn ramp(count: usize) -> Vec<f32> {
    (0..count).map(|i| i as f32 * 0.37 - 5.0).collect()
}

#[test]
fn a_chain_shares_buffers_and_still_adds_up() {
    let values = ramp(256);
    let input = buffer(gpu(), &values);
    let output = buffer(gpu(), &[f32::NAN; 256]);
    let mut plan = PlanBuilder::new();
    let (x, last) = (plan.import(&input), plan.import(&output));
    let mut tensor = x;
    for step in 0..9 {
        let next = plan.transient(format!("after step {step}"), 1024);
        plan.dispatch(add(tensor, x, next, 64));
        tensor = next;
    }
    plan.dispatch(add(tensor, x, last, 64).cost(7, 3072));
    assert_eq!(plan.len(), 10);
    let plan = block_on(plan.build(gpu())).unwrap();
    let report = plan.report();
    assert_eq!((report.dispatches, report.transient_buffers), (10, 2));
    assert_eq!((report.transient_bytes, report.unpooled_bytes), (2 * 1024, 9 * 1024));
    assert_eq!((report.macs, report.traffic_bytes), (7, 3072));
    plan.run().unwrap();
    let expected: Vec<f32> = values.iter().map(|v| (0..10).fold(*v, |sum, _| sum + v)).collect();
    assert_eq!(block_on(gpu().read::<f32>(&output, 0, 256)).unwrap(), expected);
}

#[test]
fn a_kept_tensor_survives_the_launches_after_it() {
    let input = buffer(gpu(), &ramp(64));
    let mut plan = PlanBuilder::new();
    let x = plan.import(&input);
    let kept = plan.transient("kept", 256);
    plan.keep(kept);
    plan.dispatch(add(x, x, kept, 16));
    let mut tensor = kept;
    for _ in 0..4 {
        let next = plan.transient("later", 256);
        plan.dispatch(add(tensor, x, next, 16));
        tensor = next;
    }
    let plan = block_on(plan.build(gpu())).unwrap();
    plan.run().unwrap();
    let expected: Vec<f32> = ramp(64).iter().map(|v| v + v).collect();
    assert_eq!(block_on(plan.read::<f32>(kept, 64)).unwrap(), expected);
}

#[test]
fn a_replay_gives_the_same_bits_and_follows_new_inputs() {
    let (left, right) = (buffer(gpu(), &ramp(64)), buffer(gpu(), &[0.1; 64]));
    let (plan, output) = sum_plan(gpu(), &left, &right, 16);
    let plan = block_on(plan.build(gpu())).unwrap();
    let run = || {
        gpu().write(&output, 0, &[f32::NAN; 64]);
        plan.run().unwrap();
        block_on(gpu().read::<u32>(&output, 0, 64)).unwrap()
    };
    let first = run();
    assert_eq!(first, run());
    assert_eq!(f32::from_bits(first[0]), -5.0 + 0.1);
    gpu().write(&left, 4, &[100.0_f32]);
    let changed = run();
    assert_eq!(f32::from_bits(changed[1]), 100.0 + 0.1);
    assert_eq!(changed[2..], first[2..]);
}

#[test]
fn work_above_the_budget_is_submitted_in_pieces_in_order() {
    let input = buffer(gpu(), &[1.0; 16]);
    let output = buffer(gpu(), &[f32::NAN; 16]);
    let mut plan = PlanBuilder::new();
    let (x, last) = (plan.import(&input), plan.import(&output));
    let mut tensor = x;
    // Each launch claims to be far above what one submit may hold.
    for _ in 0..30 {
        let next = plan.transient("next", 64);
        plan.dispatch(add(tensor, x, next, 4).cost(1 << 50, 0));
        tensor = next;
    }
    plan.dispatch(add(tensor, x, last, 4).cost(1 << 50, 0));
    let plan = block_on(plan.build(gpu())).unwrap();
    plan.run().unwrap();
    plan.run().unwrap();
    assert_eq!(block_on(gpu().read::<f32>(&output, 0, 16)).unwrap(), [32.0; 16]);
}

#[test]
fn an_empty_plan_runs() {
    let plan = PlanBuilder::new();
    assert!(plan.is_empty());
    let plan = block_on(plan.build(gpu())).unwrap();
    plan.run().unwrap();
    assert_eq!(plan.report().dispatches, 0);
}

#[test]
fn pipelines_are_made_once() {
    let gpu = open();
    let input = buffer(&gpu, &[1.0; 16]);
    assert_eq!((gpu.pipeline_count(), gpu.compiled()), (0, Compiled::default()));
    for _ in 0..3 {
        let (plan, _) = sum_plan(&gpu, &input, &input, 4);
        block_on(plan.build(&gpu)).unwrap();
        assert_eq!((gpu.pipeline_count(), gpu.compiled()), (1, Compiled { done: 1, wanted: 1 }));
    }
}

/// Every workgroup adds one to the word of its own linear number.
static COUNT: Kernel = Kernel {
    name: "test/count",
    source: Source::Text(
        "@group(0) @binding(0) var<uniform> params: vec4<u32>;
        @group(0) @binding(1) var<storage, read_write> output: array<u32>;
        @compute @workgroup_size(1)
        fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
            let at = group.x + group.y * grid.x;
            if at < params.x { output[at] += at + 1u; }
        }",
    ),
    stored: false,
    matrix: false,
    subgroups: false,
    workgroup_size: [1, 1, 1],
    shared_bytes: 0,
    bindings: &[
        Binding { name: "params", index: 0, access: Access::Uniform, role: Role::Fixed, min_bytes: 16 },
        Binding { name: "output", index: 1, access: Access::ReadWrite, role: Role::Fixed, min_bytes: 4 },
    ],
    overrides: &[],
};

#[test]
fn a_grid_beyond_65535_workgroups_reaches_each_number_once() {
    for groups in [65_535_u32, 65_536, 140_001] {
        let output = block_on(gpu().buffer("output", u64::from(groups) * 4)).unwrap();
        let mut plan = PlanBuilder::new();
        let tensor = plan.import(&output);
        plan.dispatch(
            Dispatch::new(&COUNT, "count")
                .bind("output", tensor)
                .params(&[groups, 0, 0, 0])
                .threads(groups.into()),
        );
        block_on(plan.build(gpu())).unwrap().run().unwrap();
        let counts: Vec<u32> = block_on(gpu().read(&output, 0, groups as usize)).unwrap();
        assert!(counts.iter().zip(1..).all(|(&count, number)| count == number), "{groups}");
    }
}
