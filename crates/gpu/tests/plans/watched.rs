//! Kernels that are watched for reaching beyond the end of what they are given, on devices with Vulkan.

use crate::{add, buffer, wait};
use photonet_gpu::{
    Access, Binding, Buffer, DeviceChoice, DeviceClass, Dispatch, Gpu, GpuError, GpuOptions, Kernel,
    PlanBuilder, Role, Source,
};
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

/// A kernel that stores a matrix of units to workgroup memory with room for half of it, and reads none of what lies beyond.
fn stores_half(edge: u32) -> &'static Kernel {
    let room = edge * edge / 4;
    let text = format!(
        "enable f16;
        enable wgpu_cooperative_matrix;
        @group(0) @binding(0) var<storage, read_write> output: array<vec2<f32>>;
        var<workgroup> pool: array<vec2<f32>, {room}>;
        var<workgroup> halves: array<vec4<f16>, {room}>;
        @compute @workgroup_size({lanes})
        fn main(@builtin(local_invocation_index) lane: u32) {{
            pool[lane] = output[lane];
            workgroupBarrier();
            let a = coopLoad<coop_mat{edge}x{edge}<f16, A>>(&halves[0], {quarter}u);
            let b = coopLoad<coop_mat{edge}x{edge}<f16, B>>(&halves[lane / {lanes}u], {quarter}u);
            let sum = coopMultiplyAdd(a, b, coop_mat{edge}x{edge}<f32, C>());
            workgroupBarrier();
            coopStore(sum, &pool[0], {half}u);
            workgroupBarrier();
            output[lane] = pool[lane];
        }}",
        lanes = edge * edge / 8,
        quarter = edge / 4,
        half = edge / 2,
    );
    let output =
        Binding { name: "output", index: 0, access: Access::ReadWrite, role: Role::Fixed, min_bytes: 8 };
    Box::leak(Box::new(Kernel {
        name: "test/stores_half",
        source: Source::Text(text.leak()),
        stored: false,
        matrix: true,
        subgroups: false,
        workgroup_size: [edge * edge / 8, 1, 1],
        shared_bytes: room * 8,
        bindings: Box::leak(Box::new([output])),
        overrides: &[],
    }))
}

#[test]
fn a_matrix_that_ends_beyond_its_array_is_told_although_its_index_is_within() {
    let class = Some(DeviceClass::Discrete);
    let options =
        GpuOptions { watched: true, matrix_units: Some(true), class, ..GpuOptions::new(DeviceChoice::Auto) };
    let gpu = match block_on(Gpu::open(&options)) {
        Ok(gpu) => gpu,
        Err(error @ GpuError::NoDevice { .. }) => return println!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    };
    let Some(units) = gpu.matrix_units() else {
        return println!("skipped: the device has no matrix units");
    };
    let edge = units.edge;
    let output = buffer(&gpu, &vec![1.0; (edge * edge / 4) as usize]);
    let mut plan = PlanBuilder::new();
    let tensor = plan.import(&output);
    plan.dispatch(Dispatch::new(stores_half(edge), "product").bind("output", tensor).groups(1));
    let plan = wait(plan.build(&gpu));
    wait(std::future::ready(plan.run()));
    let beyond = edge * edge / 4;
    assert_eq!(
        wait(gpu.beyond()),
        [format!("test/stores_half () reached {beyond} elements beyond an array of its own")]
    );
}
