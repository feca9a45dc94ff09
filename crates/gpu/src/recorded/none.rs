//! What stands for `recorded` where there is no Vulkan: nothing that could exist.

use crate::pipeline::Recipe;
use crate::plan::Launch;
use crate::{Gpu, GpuError, GpuOptions, MatrixUnits};

/// There is none to ask: see wgpu's own way.
pub(crate) fn open_unchecked(
    _: &wgpu::Adapter,
    _: &wgpu::DeviceDescriptor<'_>,
) -> Option<(wgpu::Device, wgpu::Queue)> {
    None
}

/// Nobody does.
pub(crate) fn asks_for_subgroups(_: &wgpu::Adapter) -> bool {
    false
}

#[derive(Clone, Debug)]
pub(crate) enum Vulkan {}

/// Not behind a pointer, so that the compiler knows that there is none, and leaves out what would be done with it.
pub(crate) type Shared = Vulkan;

impl Vulkan {
    pub fn of(_: &wgpu::Device, _: &GpuOptions, _: bool) -> Option<Shared> {
        None
    }

    pub fn watches(&self) -> bool {
        match *self {}
    }

    pub fn is_robust(&self) -> bool {
        match *self {}
    }

    pub async fn beyond(&self, _: &Gpu) -> Result<Vec<String>, GpuError> {
        match *self {}
    }

    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "a page keeps nothing on a disk"))]
    pub fn begin_cache(&self, _: Option<&[u8]>) {
        match *self {}
    }

    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "a page keeps nothing on a disk"))]
    pub fn cache_data(&self) -> Option<Vec<u8>> {
        match *self {}
    }
}

#[derive(Debug)]
pub(crate) enum Pipeline {}

impl Pipeline {
    pub fn new(vulkan: &Shared, _: &Recipe, _: &str, _: Option<MatrixUnits>) -> Result<Self, GpuError> {
        match *vulkan {}
    }
}

pub(crate) enum Recording {}

impl Recording {
    pub fn new(vulkan: &Shared, _: &[Launch<'_>], _: &[Vec<Vec<usize>>]) -> Result<Self, GpuError> {
        match *vulkan {}
    }

    pub fn pieces(&self) -> usize {
        match *self {}
    }

    pub fn commands(&self, _: usize) -> Result<wgpu::CommandBuffer, GpuError> {
        match *self {}
    }

    pub fn profile(&self, _: &Gpu, _: &[Vec<usize>]) -> Result<Vec<f64>, GpuError> {
        match *self {}
    }
}
