//! Launches recorded once, in Vulkan's own commands, and run from there.
//!
//! wgpu encodes every launch anew for every run, for which a driver takes some microseconds, and it sets a barrier before each that
//! uses a buffer again. Here a plan becomes a few secondary command buffers when it is made: a run executes them, whatever their
//! length, and only what depends on each other waits, see `plan::order`. Device, queue, buffers and submits stay wgpu's.
//!
//! What wgpu does not see it does not guard: buffers are zeroed when they are made (`Gpu::buffer`), command buffers begin and end with a barrier
//! for everything, and a recording waits for the device before it goes.

mod aliases;
mod bounds;
mod device;
mod memory_model;
mod pipeline;
mod pointers;
mod recording;
mod spirv;
mod watch;
mod words;

pub(crate) use device::{Vulkan, asks_for_subgroups, open_unchecked};
pub(crate) use pipeline::Pipeline;
pub(crate) use recording::Recording;

/// The device behind wgpu's, as what is made on it keeps it.
pub(crate) type Shared = std::sync::Arc<Vulkan>;
