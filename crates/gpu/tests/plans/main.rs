//! Devices, buffers and plans on a real adapter, with WebGPU's default limits and no features.

mod device;
mod interface;
mod profile;
mod read_back;
mod recorded;
mod rounding;
mod run;
mod staging;
mod watched;

use photonet_gpu::{Buffer, Dispatch, Gpu, GpuError, GpuOptions, PlanBuilder, Tensor, kernels};
use std::sync::{Arc, OnceLock};

/// What `future` gives; its error, as a user would read it, fails the test.
fn wait<T>(future: impl Future<Output = Result<T, GpuError>>) -> T {
    match pollster::block_on(future) {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// A device of its own, for tests that break it.
fn open() -> Arc<Gpu> {
    wait(Gpu::open(&GpuOptions::portable()))
}

/// The device that tests share.
fn gpu() -> &'static Arc<Gpu> {
    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    GPU.get_or_init(open)
}

fn buffer(gpu: &Gpu, values: &[f32]) -> Buffer {
    wait(gpu.buffer_with("test", values))
}

/// The params of `residual/add` for `length` vectors.
fn length(vectors: u32) -> [u32; 4] {
    [vectors, 0, 0, 0]
}

/// `output = left + right` over `vectors` vectors of four.
fn add(left: Tensor, right: Tensor, output: Tensor, vectors: u32) -> Dispatch {
    Dispatch::new(&kernels::RESIDUAL_ADD, "sum")
        .bind("left", left)
        .bind("right", right)
        .bind("output", output)
        .params(&length(vectors))
        .threads(vectors.into())
}

/// A plan of one sum, and the buffer of its result.
fn sum_plan(gpu: &Gpu, left: &Buffer, right: &Buffer, vectors: u32) -> (PlanBuilder, Buffer) {
    let output = buffer(gpu, &vec![f32::NAN; vectors as usize * 4]);
    let mut plan = PlanBuilder::new();
    let (l, r, o) = (plan.import(left), plan.import(right), plan.import(&output));
    plan.dispatch(add(l, r, o, vectors));
    (plan, output)
}
