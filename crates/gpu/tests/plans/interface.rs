//! Launches that do not match their kernel are errors of the build, never wrong results.

use crate::{add, buffer, gpu, length};
use photonet_gpu::{
    Access, Binding, Dispatch, Format, GpuError, Kernel, Override, PlanBuilder, Role, Source, Tensor, kernels,
};
use pollster::block_on;

/// The message of the error that building this launch gives; three tensors of 512 bytes are at hand.
fn refusal(launch: impl FnOnce(Tensor, Tensor, Tensor) -> Dispatch) -> String {
    let mut plan = PlanBuilder::new();
    let [a, b, c] = ["a", "b", "c"].map(|label| plan.transient(label, 512));
    plan.dispatch(launch(a, b, c));
    match block_on(plan.build(gpu())) {
        Err(GpuError::Interface { message, .. }) => message,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("the plan was built"),
    }
}

fn base() -> Dispatch {
    Dispatch::new(&kernels::RESIDUAL_ADD, "sum").params(&length(8))
}

#[test]
fn the_error_names_kernel_and_launch() {
    let mut plan = PlanBuilder::new();
    plan.dispatch(Dispatch::new(&kernels::RESIDUAL_ADD, "block 3 skip"));
    let error = block_on(plan.build(gpu())).err().map(|e| e.to_string()).unwrap();
    assert!(error.starts_with("kernel residual/add in `block 3 skip`: "), "{error}");
}

#[test]
fn every_binding_is_bound_exactly_once() {
    let missing = refusal(|a, _, c| base().bind("left", a).bind("output", c));
    assert_eq!(missing, "`right` is not bound");
    let unknown = refusal(|a, b, c| add(a, b, c, 8).bind("middle", a));
    assert_eq!(unknown, "has no binding `middle`");
    let twice = refusal(|a, b, c| add(a, b, c, 8).bind("left", a));
    assert_eq!(twice, "`left` is bound 2 times");
}

#[test]
fn the_uniform_has_the_kernels_size() {
    let short = refusal(|a, b, c| add(a, b, c, 8).params(&8_u32));
    assert_eq!(short, "`params` is 16 bytes in the kernel, 4 in the dispatch");
    let absent = refusal(|a, b, c| {
        Dispatch::new(&kernels::RESIDUAL_ADD, "sum").bind("left", a).bind("right", b).bind("output", c)
    });
    assert_eq!(absent, "`params` is 16 bytes in the kernel, 0 in the dispatch");
}

#[test]
fn no_tensor_is_a_uniform() {
    let bound = refusal(|a, b, c| add(a, b, c, 8).bind("params", a));
    assert_eq!(bound, "`params` is a uniform, which no tensor can be bound to: see `Dispatch::params`");
}

#[test]
fn a_tensor_that_is_written_is_not_read_as_well() {
    let whole = refusal(|a, b, _| add(a, b, a, 8));
    assert_eq!(whole, "`output` is written and its buffer is bound to `left` as well");
    // Even parts that do not overlap lie in one buffer, which may not be both read and written.
    let part = refusal(|a, b, _| add(b, a.slice(0, 128), a.slice(256, 128), 8));
    assert_eq!(part, "`output` is written and its buffer is bound to `right` as well");
}

/// Two gradients of 16 bytes each from slabs of zeros, into these ranges.
fn two_outputs(partial: Tensor, gamma: Tensor, beta: Tensor, coefficients: Tensor) -> Dispatch {
    Dispatch::new(&kernels::BATCH_NORM_FINALISE_GRADIENT_EIGHT, "gradients")
        .bind("partial", partial)
        .bind("moments", partial)
        .bind("coefficients", coefficients)
        .bind("gamma_gradient", gamma)
        .bind("beta_gradient", beta)
        .params(&[1_u32, 1, 0, 1, 0, 0, 0, 0])
}

#[test]
fn two_ranges_of_one_buffer_may_be_written_unless_they_overlap() {
    let partial: Vec<f32> = (1..=16_u8).map(f32::from).collect();
    let partial = buffer(gpu(), &partial);
    let gradients = buffer(gpu(), &[f32::NAN; 128]);
    let mut plan = PlanBuilder::new();
    let (partial, both) = (plan.import(&partial), plan.import(&gradients));
    let coefficients = plan.transient("coefficients", 48);
    plan.dispatch(two_outputs(partial, both.slice(256, 16), both.slice(0, 16), coefficients));
    block_on(plan.build(gpu())).unwrap().run().unwrap();
    assert_eq!(block_on(gpu().read::<f32>(&gradients, 0, 4)).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(block_on(gpu().read::<f32>(&gradients, 256, 4)).unwrap(), [5.0, 6.0, 7.0, 8.0]);
    let overlap = refusal(|a, b, c| two_outputs(b, a.slice(256, 16), a.slice(0, 272), c));
    assert_eq!(overlap, "`gamma_gradient` is written and its buffer is bound to `beta_gradient` as well");
}

#[test]
fn a_tensor_that_is_only_read_may_be_bound_twice() {
    let input = buffer(gpu(), &[1.5; 32]);
    let (plan, output) = crate::sum_plan(gpu(), &input, &input, 8);
    block_on(plan.build(gpu())).unwrap().run().unwrap();
    assert_eq!(block_on(gpu().read::<f32>(&output, 0, 32)).unwrap(), [3.0; 32]);
}

#[test]
fn ranges_start_at_multiples_of_256_and_hold_an_element() {
    let message = refusal(|a, b, c| add(a.slice(16, 128), b, c, 8));
    assert_eq!(message, "`left` starts at 16, not a multiple of 256");
    let message = refusal(|a, b, c| add(a.slice(0, 8), b, c, 8));
    assert_eq!(message, "`left` needs 16 bytes, got 8");
}

#[test]
fn a_range_beyond_its_buffer_is_refused() {
    let mut plan = PlanBuilder::new();
    let [a, b, c] = ["a", "b", "c"].map(|label| plan.transient(label, 512));
    plan.dispatch(add(a.slice(256, 512), b, c, 8));
    let error = block_on(plan.build(gpu())).err().unwrap();
    assert!(matches!(&error, GpuError::Driver { reason, .. } if reason.contains("'sum'")), "{error}");
    gpu().check().unwrap();
}

#[test]
fn formats_are_those_of_the_kernel() {
    let half = |tensor: Tensor| tensor.with_format(Format::Half);
    let fixed = refusal(|a, b, c| add(a, half(b), c, 8));
    assert_eq!(fixed, "`right` is in Half precision, expected Single");
    let pool = |input, output| {
        let dispatch =
            Dispatch::new(&kernels::POOL_FORWARD, "pool").bind("input", input).bind("output", output);
        dispatch.bind_or("moments", None, input).params(&[0_u32; 8])
    };
    let output = refusal(|a, b, _| pool(half(a), half(b)));
    assert_eq!(output, "`output` is in Half precision, expected Single");
    let all = refusal(|a, b, c| add(half(a), half(b), half(c), 8));
    assert_eq!(all, "`left` is in Half precision, which no kernel has for it");
    let small = refusal(|a, b, _| pool(half(a.slice(0, 4)), b));
    assert_eq!(small, "`input` needs 8 bytes, got 4");
}

#[test]
fn constants_are_known_and_set() {
    let unknown = refusal(|a, b, c| add(a, b, c, 8).constant("SLOPE", 0.2));
    assert_eq!(unknown, "has no constant `SLOPE`");
    let missing = refusal(|a, _, _| Dispatch::new(&NEEDS_SIZE, "fill").bind("output", a));
    assert_eq!(missing, "the constant `SIZE` is not set");
}

#[test]
fn a_grid_has_a_largest_size() {
    let message = refusal(|a, b, c| add(a, b, c, 8).groups(u64::MAX));
    assert_eq!(message, "18446744073709551615 workgroups are more than a grid can hold");
}

const OUTPUT: Binding =
    Binding { name: "output", index: 0, access: Access::ReadWrite, role: Role::Fixed, min_bytes: 4 };

/// A kernel with a constant that has no default.
static NEEDS_SIZE: Kernel = Kernel {
    name: "test/needs_size",
    source: Source::Text(
        "override SIZE: u32;
        @group(0) @binding(0) var<storage, read_write> output: array<u32>;
        @compute @workgroup_size(1) fn main() { output[0] = SIZE; }",
    ),
    stored: false,
    matrix: false,
    subgroups: false,
    workgroup_size: [1, 1, 1],
    shared_bytes: 0,
    bindings: &[OUTPUT],
    overrides: &[Override { name: "SIZE", has_default: false }],
};

/// A kernel that no compiler accepts.
static BROKEN: Kernel = Kernel {
    name: "test/broken",
    source: Source::Text("@compute @workgroup_size(1) fn main() { nonsense }"),
    stored: false,
    matrix: false,
    subgroups: false,
    workgroup_size: [1, 1, 1],
    shared_bytes: 0,
    bindings: &[OUTPUT],
    overrides: &[],
};

/// A kernel that runs on matrix units.
static ON_UNITS: Kernel = Kernel {
    name: "test/on_units",
    source: Source::Text("@compute @workgroup_size(1) fn main() {}"),
    stored: true,
    matrix: true,
    subgroups: false,
    workgroup_size: [1, 1, 1],
    shared_bytes: 0,
    bindings: &[],
    overrides: &[],
};

/// A kernel whose subgroups exchange values.
static IN_SUBGROUPS: Kernel =
    Kernel { name: "test/in_subgroups", matrix: false, subgroups: true, ..ON_UNITS };

#[test]
fn kernels_that_ask_for_more_than_a_device_has_are_refused() {
    for (kernel, why) in [
        (&ON_UNITS, "runs on matrix units, which the device has not"),
        (&IN_SUBGROUPS, "has subgroups exchange values, which the device cannot"),
    ] {
        let mut plan = PlanBuilder::new();
        plan.dispatch(Dispatch::new(kernel, "product"));
        let message = block_on(plan.build(gpu())).err().unwrap().to_string();
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_constant_reaches_the_kernel_and_makes_its_own_pipeline() {
    let output = buffer(gpu(), &[0.0; 4]);
    for size in [3_u32, 70_000] {
        let mut plan = PlanBuilder::new();
        let tensor = plan.import(&output);
        plan.dispatch(Dispatch::new(&NEEDS_SIZE, "fill").bind("output", tensor).constant("SIZE", size));
        block_on(plan.build(gpu())).unwrap().run().unwrap();
        assert_eq!(block_on(gpu().read::<u32>(&output, 0, 1)).unwrap(), [size]);
    }
}

#[test]
fn a_kernel_that_the_driver_refuses_is_a_typed_error() {
    let mut plan = PlanBuilder::new();
    let tensor = plan.transient("output", 16);
    plan.dispatch(Dispatch::new(&BROKEN, "broken").bind("output", tensor));
    let error = block_on(plan.build(gpu())).err().unwrap();
    assert!(matches!(&error, GpuError::Driver { what, .. } if what == "kernel test/broken"), "{error}");
    // It was caught in its scope: the device goes on.
    gpu().check().unwrap();
}

#[test]
fn a_tensor_above_the_devices_limit_is_named() {
    let limit = gpu().binding_limit();
    let mut plan = PlanBuilder::new();
    let [a, b] = ["a", "b"].map(|label| plan.transient(label, 512));
    let large = plan.transient("block 1 expand output", limit + 16);
    plan.dispatch(add(a, b, large, 8));
    let error = block_on(plan.build(gpu())).err().unwrap();
    assert!(
        matches!(&error, GpuError::TooLarge { label, bytes, limit: l }
            if label == "block 1 expand output" && *bytes == limit + 16 && *l == limit),
        "{error}"
    );
    assert!(error.to_string().contains("use a smaller batch"), "{error}");
}
