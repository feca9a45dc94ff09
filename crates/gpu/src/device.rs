//! Devices: what one offers, what is submitted to it, and noticing when it is gone.

use crate::adapter::{WITHOUT_GPU, class_of, fits, has_subgroups, sorted_adapters, summarise};
use crate::pipeline::Pipelines;
use crate::recorded::{self, Shared, Vulkan};
use crate::{AdapterSummary, Choices, DeviceClass, GpuError, GpuOptions, HalfType, MatrixUnits};
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Default)]
struct Health {
    lost: Option<String>,
    error: Option<String>,
}

/// An open device with its queue and pipelines.
pub struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) pipelines: Pipelines,
    /// Where launches are recorded.
    pub(crate) vulkan: Option<Shared>,
    summary: AdapterSummary,
    class: DeviceClass,
    half: Option<HalfType>,
    matrix_units: Option<MatrixUnits>,
    subgroups: bool,
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "a page keeps nothing on a disk"))]
    pub(crate) cache: Option<PathBuf>,
    pub(crate) cache_notice: Option<String>,
    /// What drivers said that were asked before this one's.
    refusals: Vec<String>,
    pub(crate) choices: Mutex<Arc<Choices>>,
    requested: AtomicU64,
    health: Arc<Mutex<Health>>,
    pub(crate) in_flight: Mutex<VecDeque<wgpu::SubmissionIndex>>,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("adapter", &self.summary).finish()
    }
}

impl Gpu {
    /// Opens the best adapter that fits `options` and whose driver gives a device: a GPU may be there on two APIs, of which one does not work.
    /// Which drivers have refused is in [`Gpu::notices`].
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`] when none fits, [`GpuError::NoDevice`] with what the first driver said when all refuse.
    pub async fn open(options: &GpuOptions) -> Result<Arc<Self>, GpuError> {
        let adapters = sorted_adapters().await;
        let fitting = adapters.iter().filter(|adapter| fits(&options.choice, adapter));
        let opened = first_that_opens(fitting, async |adapter| Self::from_adapter(adapter, options).await);
        let (mut gpu, refused) = opened.await?.ok_or_else(|| {
            let names: Vec<String> = adapters.iter().map(|a| a.get_info().name).collect();
            let hint = if cfg!(target_arch = "wasm32") {
                "the browser offers no WebGPU adapter: it may be too old, have WebGPU or hardware acceleration \
                 switched off, block this GPU's driver, or the page is not served over https or from localhost"
                    .to_string()
            } else if names.is_empty() {
                format!("no adapter at all was found: {WITHOUT_GPU}")
            } else {
                format!("found: {}; see `photonet devices`", names.join(", "))
            };
            GpuError::NoAdapter { choice: options.choice.to_string(), hint }
        })?;
        let used = format!("{} on {} is used instead", gpu.summary.name, gpu.summary.backend);
        gpu.refusals = refused.into_iter().map(|error| format!("{error}; {used}")).collect();
        Ok(Arc::new(gpu))
    }

    async fn from_adapter(adapter: &wgpu::Adapter, options: &GpuOptions) -> Result<Self, GpuError> {
        let summary = summarise(adapter);
        let mut limits = wgpu::Limits::defaults();
        let mut features = wgpu::Features::empty();
        if !options.portable {
            let offered = adapter.limits();
            limits.max_storage_buffer_binding_size = offered.max_storage_buffer_binding_size;
            limits.max_buffer_size = offered.max_buffer_size;
            features |= adapter.features() & wgpu::Features::TIMESTAMP_QUERY;
        }
        if let Some(bytes) = options.binding_limit {
            limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(bytes);
        }
        if !options.portable || options.shader_f16 {
            features |= adapter.features() & wgpu::Features::SHADER_F16;
        }
        let class = options.class.unwrap_or_else(|| class_of(&adapter.get_info()));
        // A software device runs launches within the submit, and no two at a time.
        let records = options.recorded.unwrap_or(class != DeviceClass::Software && !options.portable);
        let can_record = cfg!(recordable) && adapter.get_info().backend == wgpu::Backend::Vulkan;
        let wanted = [
            (options.watched, "kernels are watched"),
            (options.spirv.is_some(), "kernels are written as SPIR-V"),
        ];
        let wanted = wanted.into_iter().find_map(|(is, what)| is.then_some(what));
        if let Some(what) = wanted.filter(|_| !can_record) {
            let reason = format!("{what} on Vulkan alone, and it runs on {}", summary.backend);
            return Err(GpuError::NoDevice { adapter: summary.name, reason });
        }
        let records = (records || wanted.is_some()) && can_record;
        // The kernels of software devices multiply in registers. And recorded pipelines alone order workgroup memory as Vulkan wants it for
        // kernels with matrices, see `recorded::memory_model`.
        let can = records && !options.portable && class != DeviceClass::Software;
        let by_rule = |units: &MatrixUnits| class == DeviceClass::Discrete && !units.one_of_several;
        let taken = |units: &MatrixUnits| can && options.matrix_units.unwrap_or(by_rule(units));
        let matrix_units = summary.matrix_units.filter(taken);
        // A vector register of the processor has a subgroup's invocations, see `shaders/shared/subgroup.wgsl`; GPUs have workgroup memory.
        let asked = options.subgroups.unwrap_or(!options.portable);
        let subgroups = asked && class == DeviceClass::Software && has_subgroups(adapter);
        features.set(wgpu::Features::SUBGROUP, subgroups);
        let mut experimental_features = wgpu::ExperimentalFeatures::disabled();
        if matrix_units.is_some() {
            features |= wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
            let offered = adapter.limits();
            // All that `MatrixUnits` says of workgroups.
            limits.max_compute_workgroup_storage_size = offered.max_compute_workgroup_storage_size;
            limits.max_compute_invocations_per_workgroup = offered.max_compute_invocations_per_workgroup;
            limits.max_compute_workgroup_size_x = offered.max_compute_workgroup_size_x;
            // SAFETY: the kernels that take matrix units are this crate's own; what they load and store lies within workgroup memory of
            // a size that is known when they are compiled, and all invocations of a subgroup do so together. Which those are they
            // take for granted: subgroups of the size that all have, or that a pipeline asks for, have invocations that follow one
            // another.
            experimental_features = unsafe { wgpu::ExperimentalFeatures::enabled() };
        }
        if options.cache.is_some() {
            features |= adapter.features() & wgpu::Features::PIPELINE_CACHE;
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("photonet"),
            required_features: features,
            required_limits: limits,
            experimental_features,
            ..Default::default()
        };
        let unchecked = (records && !options.watched && !options.robust)
            .then(|| recorded::open_unchecked(adapter, &descriptor))
            .flatten();
        let robust = unchecked.is_none();
        let opened = match unchecked {
            Some(opened) => Ok(opened),
            None => adapter.request_device(&descriptor).await,
        };
        let (device, queue) = match opened {
            Ok(opened) => opened,
            // Nobody asked for matrix units: without them there may be a device.
            #[cfg(recordable)]
            Err(_) if matrix_units.is_some() && options.matrix_units.is_none() => {
                let without = GpuOptions { matrix_units: Some(false), ..options.clone() };
                return Box::pin(Self::from_adapter(adapter, &without)).await;
            }
            Err(e) => {
                return Err(GpuError::NoDevice { adapter: summary.name.clone(), reason: e.to_string() });
            }
        };
        let health = Arc::new(Mutex::new(Health::default()));
        let lost = health.clone();
        device.set_device_lost_callback(move |reason, message| {
            lock(&lost).lost.get_or_insert(format!("{reason:?}: {message}"));
        });
        let uncaptured = health.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&uncaptured).error.get_or_insert(error.to_string());
        }));
        let vulkan = records.then(|| Vulkan::of(&device, options, robust)).flatten();
        let matrix_units = matrix_units.filter(|_| vulkan.is_some());
        let mut pipelines = Pipelines::default();
        let cache_notice = pipelines.open_cache(&device, vulkan.as_ref(), adapter, options.cache.as_deref());
        let gpu = Self {
            device,
            queue,
            pipelines,
            vulkan,
            cache: options.cache.clone(),
            cache_notice,
            refusals: Vec::new(),
            choices: Mutex::default(),
            requested: AtomicU64::new(0),
            summary,
            class,
            half: options.half,
            matrix_units,
            subgroups,
            health,
            in_flight: Mutex::default(),
        };
        Ok(gpu.with_kept_choices())
    }

    /// The adapter behind this device.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.summary
    }

    /// The kind of device, for choosing kernel configurations.
    pub fn class(&self) -> DeviceClass {
        self.class
    }

    /// Whether plans should compile quickly rather than run fastest: in a page on a software device, whose compiler takes 0.1 s a
    /// kernel on every visit, where a photo takes little longer with simpler kernels. Natively the driver keeps what it compiled.
    pub fn starts_quickly(&self) -> bool {
        cfg!(target_arch = "wasm32") && self.class == DeviceClass::Software
    }

    /// Bytes of all buffers created so far, those that are gone among them.
    pub fn requested_bytes(&self) -> u64 {
        self.requested.load(Ordering::Relaxed)
    }

    pub(crate) fn count_bytes(&self, bytes: u64) {
        self.requested.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that the device's allocator has given to what exists now, where it says so.
    pub fn allocated_bytes(&self) -> Option<u64> {
        self.device.generate_allocator_report().map(|report| report.total_allocated_bytes)
    }

    /// What there is to say about how it was opened: which drivers have refused, and that what was kept from the last run could not be
    /// used, and why.
    pub fn notices(&self) -> impl Iterator<Item = &str> {
        self.refusals.iter().chain(&self.cache_notice).map(String::as_str)
    }

    /// Whether kernels are watched, see [`GpuOptions::watched`].
    pub fn is_watched(&self) -> bool {
        self.vulkan.as_ref().is_some_and(|vulkan| vulkan.watches())
    }

    /// Whether a driver checks the bounds of what kernels read and write: recorded pipelines do without where it lets them.
    pub fn is_robust(&self) -> bool {
        self.vulkan.as_ref().is_none_or(|vulkan| vulkan.is_robust())
    }

    /// Where watched kernels have reached beyond the end of what they were given, in all work submitted so far: a line for each that has not been told yet.
    ///
    /// # Errors
    /// As [`Gpu::read`].
    pub async fn beyond(&self) -> Result<Vec<String>, GpuError> {
        match &self.vulkan {
            Some(vulkan) => vulkan.beyond(self).await,
            None => Ok(Vec::new()),
        }
    }

    /// How kernels get at numbers in half precision: by the device's type where it has one. A software device has none in
    /// hardware, and its compiler makes more of pairs (measured on lavapipe: a quarter less time).
    pub fn half(&self) -> HalfType {
        let has_type = self.device.features().contains(wgpu::Features::SHADER_F16);
        match (has_type, self.half.unwrap_or(self.class.half())) {
            (true, HalfType::Native) => HalfType::Native,
            _ => HalfType::Packed,
        }
    }

    /// Whether plans are recorded in the API's own commands when they are made, instead of encoded anew for every run.
    pub fn records(&self) -> bool {
        self.vulkan.is_some()
    }

    /// Its matrix units, where plans are recorded, kernels can take them, and those of the device's class do.
    pub fn matrix_units(&self) -> Option<MatrixUnits> {
        self.matrix_units
    }

    /// Whether kernels may have the invocations of a subgroup exchange values: on software devices with [`crate::SUBGROUP`] in each.
    pub fn subgroups(&self) -> bool {
        self.subgroups
    }

    /// Whether per-dispatch timestamps are available.
    pub fn has_timestamps(&self) -> bool {
        self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// The largest range in bytes that a kernel can bind.
    pub fn binding_limit(&self) -> u64 {
        let limits = self.device.limits();
        limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
    }

    /// Whether the device still works.
    ///
    /// # Errors
    /// [`GpuError::Lost`], or [`GpuError::Submitted`] with the first error that the driver reported outside of any scope.
    pub fn check(&self) -> Result<(), GpuError> {
        let health = lock(&self.health);
        match (&health.lost, &health.error) {
            (Some(reason), _) => Err(GpuError::Lost { reason: reason.clone() }),
            (None, Some(reason)) => Err(GpuError::Submitted { reason: reason.clone() }),
            (None, None) => Ok(()),
        }
    }

    /// Gives the device up: later work on it fails with [`GpuError::Lost`].
    pub fn destroy(&self) {
        self.device.destroy();
        lock(&self.health).lost.get_or_insert("destroyed".into());
    }

    /// Runs `make` inside error scopes and turns what they catch into a typed error.
    pub(crate) async fn guarded<T>(
        &self,
        what: &str,
        make: impl FnOnce(&wgpu::Device) -> T,
    ) -> Result<T, GpuError> {
        self.check()?;
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        // A compiler that refuses a kernel is one.
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let made = make(&self.device);
        let (failed, refused, full) = (internal.pop(), validation.pop(), memory.pop());
        let failed = failed.await;
        if let Some(error) = refused.await.or(failed) {
            // Of a device that is gone nothing is valid; that it is gone is the better answer.
            self.check()?;
            return Err(GpuError::Driver { what: what.into(), reason: error.to_string() });
        }
        match full.await {
            Some(_) => Err(GpuError::OutOfMemory { what: what.into() }),
            None => Ok(made),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Gpu {
    fn drop(&mut self) {
        let Some(kept) = &self.pipelines.kept else { return };
        // Without the file the next start is slower, nothing else.
        let _ = kept.save();
    }
}

/// What `open` makes of the first of `all` that it does not refuse, and its refusals before; nothing where there are none.
///
/// # Errors
/// Its first refusal where it refuses all, and any other error at once.
async fn first_that_opens<A, T>(
    all: impl Iterator<Item = A>,
    open: impl AsyncFn(A) -> Result<T, GpuError>,
) -> Result<Option<(T, Vec<GpuError>)>, GpuError> {
    let mut refused = Vec::new();
    for one in all {
        match open(one).await {
            Ok(opened) => return Ok(Some((opened, refused))),
            Err(error @ GpuError::NoDevice { .. }) => refused.push(error),
            Err(error) => return Err(error),
        }
    }
    match refused.into_iter().next() {
        Some(first) => Err(first),
        None => Ok(None),
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_driver_refuses_the_next_one_is_asked() {
        let refusal = |adapter: &str| GpuError::NoDevice { adapter: adapter.into(), reason: "broken".into() };
        let open = |names: &[&'static str]| {
            pollster::block_on(first_that_opens(names.iter().copied(), async |name| match name {
                "old" | "older" => Err(refusal(name)),
                "full" => Err(GpuError::OutOfMemory { what: name.into() }),
                _ => Ok(name),
            }))
        };
        let names = |refused: Vec<GpuError>| refused.iter().map(GpuError::to_string).collect::<Vec<_>>();
        let opened =
            open(&["old", "older", "good", "better"]).map(|found| found.map(|(gpu, r)| (gpu, names(r))));
        let refused = ["old", "older"].map(|name| refusal(name).to_string()).to_vec();
        assert_eq!(opened.ok(), Some(Some(("good", refused))));
        assert!(matches!(open(&[]), Ok(None)));
        assert_eq!(open(&["older", "old"]).err().map(|e| e.to_string()), Some(refusal("older").to_string()));
        assert!(matches!(open(&["full", "good"]), Err(GpuError::OutOfMemory { .. })));
    }
}
