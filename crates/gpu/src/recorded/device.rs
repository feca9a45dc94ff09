//! The Vulkan device behind wgpu's.

use super::watch::Watch;
use crate::{Gpu, GpuError, GpuOptions};
use ash::{ext, vk};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use wgpu::hal::api;

/// The Vulkan device behind a [`wgpu::Device`].
pub(crate) struct Vulkan {
    pub device: ash::Device,
    /// Version of SPIR-V that it takes.
    pub language: (u8, u8),
    /// What watched kernels report to, where they are watched.
    pub watch: Option<Watch>,
    /// Whether pipelines have the driver's bounds checks.
    pub robust: bool,
    /// Where the driver's input is written to.
    pub spirv: Option<PathBuf>,
    pub queue_family: u32,
    /// Bits of a timestamp that count, as a mask: none where there are no timestamps.
    pub timestamps: u64,
    cache: Mutex<vk::PipelineCache>,
    /// The driver's mark on what it keeps.
    cache_uuid: [u8; vk::UUID_SIZE],
    /// Destroys the device, which it must not before everything else is gone.
    pub wgpu: wgpu::Device,
}

impl fmt::Debug for Vulkan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vulkan").field("language", &self.language).finish_non_exhaustive()
    }
}

impl Vulkan {
    /// That of `wgpu`, with pipelines that are watched and written as `options` say, and that are `robust` or, as only a device of
    /// [`open_unchecked`] may have them, not; `None` where it runs on something else.
    pub fn of(wgpu: &wgpu::Device, options: &GpuOptions, robust: bool) -> Option<Arc<Self>> {
        // SAFETY: the handles are used, not destroyed, and `Vulkan` keeps the device that they belong to.
        let hal = unsafe { wgpu.as_hal::<api::Vulkan>() }?;
        let instance = hal.shared_instance().raw_instance();
        // SAFETY: the physical device is that of this instance, as wgpu has it.
        let (properties, families) = unsafe {
            let of = hal.raw_physical_device();
            (
                instance.get_physical_device_properties(of),
                instance.get_physical_device_queue_family_properties(of),
            )
        };
        let queue_family = hal.queue_family_index();
        let bits = families.get(queue_family as usize).map_or(0, |family| family.timestamp_valid_bits);
        let vulkan = Self {
            device: hal.raw_device().clone(),
            language: language(properties.api_version),
            watch: options.watched.then(|| Watch::of(wgpu)),
            robust,
            spirv: options.spirv.clone(),
            queue_family,
            timestamps: u64::MAX.checked_shr(64 - bits.min(64)).unwrap_or(0),
            cache: Mutex::new(vk::PipelineCache::null()),
            cache_uuid: properties.pipeline_cache_uuid,
            wgpu: wgpu.clone(),
        };
        Some(Arc::new(vulkan))
    }

    /// Whether kernels are watched.
    pub fn watches(&self) -> bool {
        self.watch.is_some()
    }

    /// Whether pipelines have the driver's bounds checks.
    pub fn is_robust(&self) -> bool {
        self.robust
    }

    /// See [`Gpu::beyond`].
    pub async fn beyond(&self, gpu: &Gpu) -> Result<Vec<String>, GpuError> {
        match &self.watch {
            Some(watch) => watch.found(gpu).await,
            None => Ok(Vec::new()),
        }
    }

    /// Keeps compiled pipelines from now on, those in `data` from the beginning, unless it is another driver's. Without memory for it
    /// nothing is kept.
    pub fn begin_cache(&self, data: Option<&[u8]>) {
        // Behind four words of the header (Vulkan 1.3, "Pipeline Cache Header").
        let own = data.filter(|data| data.get(16..32) == Some(&self.cache_uuid[..]));
        let info = vk::PipelineCacheCreateInfo::default().initial_data(own.unwrap_or_default());
        // SAFETY: the data was written by this driver, whose mark it bears: `DriverCache` compares its digest and its owner.
        if let Ok(cache) = unsafe { self.device.create_pipeline_cache(&info, None) } {
            *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = cache;
        }
    }

    /// What is to be kept for the next run.
    pub fn cache_data(&self) -> Option<Vec<u8>> {
        let cache = self.cache();
        // SAFETY: the cache is this device's, and lives as long as `self`.
        (cache != vk::PipelineCache::null())
            .then(|| unsafe { self.device.get_pipeline_cache_data(cache) }.ok())
            .flatten()
    }

    pub fn cache(&self) -> vk::PipelineCache {
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the device is done with everything.
    pub fn wait(&self) {
        if self.wgpu.poll(wgpu::PollType::wait_indefinitely()).is_err() {
            // wgpu gives a device up for other reasons than that it is gone.
            // SAFETY: the device exists, and what wgpu has given up submits nothing more.
            let _ = unsafe { self.device.device_wait_idle() };
        }
    }

    /// What `result` says, as an error while `what` was made.
    pub fn made<T>(&self, what: &str, result: ash::prelude::VkResult<T>) -> Result<T, GpuError> {
        result.map_err(|code| match code {
            vk::Result::ERROR_DEVICE_LOST => GpuError::Lost { reason: code.to_string() },
            vk::Result::ERROR_OUT_OF_DEVICE_MEMORY
            | vk::Result::ERROR_OUT_OF_HOST_MEMORY
            | vk::Result::ERROR_OUT_OF_POOL_MEMORY => GpuError::OutOfMemory { what: what.into() },
            _ => GpuError::Driver { what: what.into(), reason: code.to_string() },
        })
    }
}

impl Drop for Vulkan {
    fn drop(&mut self) {
        // SAFETY: pipelines and recordings keep this alive, so that nothing uses the cache any more.
        unsafe { self.device.destroy_pipeline_cache(self.cache(), None) };
    }
}

/// Opens a device whose pipelines may do without the driver's bounds checks, which wgpu asks for and which cost some instructions for each load
/// and store; `None` where it has to have them (`VK_EXT_pipeline_robustness` is missing), or where wgpu's own way has to say what is wrong.
pub(crate) fn open_unchecked(
    adapter: &wgpu::Adapter,
    descriptor: &wgpu::DeviceDescriptor<'_>,
) -> Option<(wgpu::Device, wgpu::Queue)> {
    let offered = adapter.features().contains(descriptor.required_features)
        && descriptor.required_limits.check_limits(&adapter.limits());
    // SAFETY: the handles are used, not destroyed.
    let hal = unsafe { adapter.as_hal::<api::Vulkan>() }.filter(|_| offered)?;
    let name = ext::pipeline_robustness::NAME;
    if !hal.physical_device_capabilities().supports_extension(name) {
        return None;
    }
    let mut offered = vk::PhysicalDevicePipelineRobustnessFeaturesEXT::default();
    let mut all = vk::PhysicalDeviceFeatures2::default().push_next(&mut offered);
    // SAFETY: the physical device is that of this instance, whose version has this function: it has a newer extension.
    unsafe {
        let instance = hal.shared_instance().raw_instance();
        instance.get_physical_device_features2(hal.raw_physical_device(), &mut all);
    }
    if offered.pipeline_robustness == vk::FALSE {
        return None;
    }
    let mut wanted = vk::PhysicalDevicePipelineRobustnessFeaturesEXT::default().pipeline_robustness(true);
    // SAFETY: features, limits and what is added are offered, as looked at above, and nothing is taken away; the device is of this adapter, and
    // opened with what it is said to have.
    unsafe {
        let opened = hal.open_with_callback(
            descriptor.required_features,
            &descriptor.required_limits,
            &descriptor.memory_hints,
            Some(Box::new(|device| {
                device.extensions.push(name);
                *device.create_info = device.create_info.push_next(&mut wanted);
            })),
        );
        adapter.create_device_from_hal(opened.ok()?, descriptor).ok()
    }
}

/// Whether pipelines of a device with matrices may ask for the size of their subgroups: from Vulkan 1.3 on, for which wgpu opens devices so
/// that they do.
pub(crate) fn asks_for_subgroups(adapter: &wgpu::Adapter) -> bool {
    // SAFETY: the handles are used, not destroyed.
    let Some(hal) = (unsafe { adapter.as_hal::<api::Vulkan>() }) else { return false };
    let mut sizes = vk::PhysicalDeviceSubgroupSizeControlProperties::default();
    let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut sizes);
    // SAFETY: the physical device is that of this instance, whose version has this function: the device has a newer extension, for matrices. One
    // of an older version than a structure leaves that as it is.
    unsafe {
        let instance = hal.shared_instance().raw_instance();
        instance.get_physical_device_properties2(hal.raw_physical_device(), &mut properties);
    }
    properties.properties.api_version >= vk::API_VERSION_1_3
        && sizes.required_subgroup_size_stages.contains(vk::ShaderStageFlags::COMPUTE)
}

/// The SPIR-V that every driver of a version of Vulkan takes (Vulkan 1.3, appendix "Vulkan Environment for SPIR-V").
fn language(api_version: u32) -> (u8, u8) {
    match (vk::api_version_major(api_version), vk::api_version_minor(api_version)) {
        (1, 0) => (1, 0),
        (1, 1) => (1, 3),
        (1, 2) => (1, 5),
        _ => (1, 6),
    }
}
