//! Portable GPU compute on wgpu: device choice, the shader registry, pipelines, recorded plans,
//! read-back and profiles. It knows nothing of neural networks.
//!
//! The usual course: open a [`Gpu`], create [`Buffer`]s, record a [`Plan`] with a [`PlanBuilder`],
//! run it as often as needed, read results back.

mod adapter;
mod buffer;
mod choices;
mod device;
#[cfg(not(target_arch = "wasm32"))]
mod driver_cache;
mod error;
mod kernel;
pub mod limits;
mod pipeline;
#[cfg(not(target_arch = "wasm32"))]
mod plain_types;
mod plan;
#[cfg(recordable)]
mod recorded;
#[cfg(not(recordable))]
#[path = "recorded/none.rs"]
mod recorded;
#[cfg(not(target_arch = "wasm32"))]
mod staging;
mod submit;
#[cfg(target_arch = "wasm32")]
mod web;

/// The kernels under `shaders/`, expanded, validated and reflected when the crate was built.
pub mod kernels {
    use crate::kernel::{Access, Binding, Kernel, Override, Role, Source};
    include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
}

pub use adapter::{AdapterSummary, DeviceChoice, DeviceClass, GpuOptions, WITHOUT_GPU, list_adapters};
pub use buffer::{Buffer, Reading};
pub use choices::Choices;
pub use device::Gpu;
pub use error::GpuError;
pub use kernel::{
    Access, Binding, Format, HalfType, Kernel, MatrixUnits, Override, Role, SUBGROUP, Source, Storage,
};
pub use limits::DeviceLimits;
pub use pipeline::Compiled;
#[cfg(not(target_arch = "wasm32"))]
pub use plain_types::without_aliases;
pub use plan::{Cost, Dispatch, Plan, PlanBuilder, PlanReport, Question, Tensor, Timing};
#[cfg(not(target_arch = "wasm32"))]
pub use staging::{Staged, Staging};
