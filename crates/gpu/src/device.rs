//! Adapters and devices: choosing one, what it offers, and noticing when it is gone.

use crate::pipeline::Pipelines;
use crate::{Choices, GpuError};
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wgpu::DeviceType;

/// Which adapter to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Discrete before integrated before virtual before software.
    #[default]
    Auto,
    /// A discrete GPU.
    Discrete,
    /// An integrated GPU.
    Integrated,
    /// A software rasteriser such as lavapipe or WARP.
    Software,
    /// The first adapter whose name contains this text, ignoring case.
    Named(String),
}

impl FromStr for DeviceChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.to_lowercase().as_str() {
            "auto" | "" => Self::Auto,
            "discrete" => Self::Discrete,
            "integrated" => Self::Integrated,
            // PaddleClas's word for a run without a GPU.
            "software" | "cpu" => Self::Software,
            _ => Self::Named(text.to_string()),
        })
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Software => "software",
            Self::Named(name) => name,
        })
    }
}

/// The kinds of device that kernel configurations are chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceClass {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the host's memory.
    Integrated,
    /// A CPU that plays GPU.
    Software,
}

impl DeviceClass {
    fn from_name(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "discrete" => Some(Self::Discrete),
            "integrated" => Some(Self::Integrated),
            "software" => Some(Self::Software),
            _ => None,
        }
    }
}

/// How to open a device.
#[derive(Clone, Debug)]
pub struct GpuOptions {
    /// Which adapter.
    pub choice: DeviceChoice,
    /// Ask for WebGPU's default limits and no features, whatever the adapter offers.
    pub portable: bool,
    /// Keep bounds and loop checks in shaders.
    pub checked: bool,
    /// Choose kernels for this class of devices, not for the adapter's own. All kernels run everywhere.
    pub class: Option<DeviceClass>,
    /// Where compiled pipelines are kept from one run to the next, for drivers that let them be (Vulkan).
    pub cache: Option<PathBuf>,
}

impl GpuOptions {
    /// Options for `choice`. `PHOTONET_CHECKED=1`, `PHOTONET_PORTABLE=1` and `PHOTONET_DEVICE_CLASS=discrete`
    /// (or `integrated`, `software`) are read from the environment.
    pub fn new(choice: DeviceChoice) -> Self {
        let on = |name| std::env::var(name).is_ok_and(|v| !v.is_empty() && v != "0");
        let class =
            std::env::var("PHOTONET_DEVICE_CLASS").ok().and_then(|name| DeviceClass::from_name(&name));
        Self {
            choice,
            portable: on("PHOTONET_PORTABLE"),
            checked: on("PHOTONET_CHECKED"),
            class,
            cache: None,
        }
    }

    /// What tests use: [`Auto`](DeviceChoice::Auto), default limits, no features.
    pub fn portable() -> Self {
        Self { portable: true, ..Self::new(DeviceChoice::Auto) }
    }
}

/// An adapter as a user sees it.
#[derive(Clone, Debug)]
pub struct AdapterSummary {
    /// Name given by the driver.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// Graphics API.
    pub backend: String,
    /// Driver name and version.
    pub driver: String,
    /// Largest storage binding in bytes.
    pub max_binding_bytes: u64,
    /// Whether per-dispatch timestamps are offered.
    pub timestamps: bool,
}

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
    summary: AdapterSummary,
    class: DeviceClass,
    checked: bool,
    cache: Option<PathBuf>,
    cache_notice: Option<String>,
    choices: Mutex<Arc<Choices>>,
    requested: AtomicU64,
    health: Arc<Mutex<Health>>,
    in_flight: Mutex<VecDeque<wgpu::SubmissionIndex>>,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("adapter", &self.summary).field("checked", &self.checked).finish()
    }
}

fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env())
}

fn kind(device_type: DeviceType) -> &'static str {
    match device_type {
        DeviceType::DiscreteGpu => "discrete",
        DeviceType::IntegratedGpu => "integrated",
        DeviceType::VirtualGpu => "virtual",
        DeviceType::Cpu => "software",
        DeviceType::Other => "other",
    }
}

fn summarise(adapter: &wgpu::Adapter) -> AdapterSummary {
    let info = adapter.get_info();
    AdapterSummary {
        kind: kind(info.device_type),
        backend: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        max_binding_bytes: adapter.limits().max_storage_buffer_binding_size,
        timestamps: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
        name: info.name,
    }
}

/// Every adapter of this machine, best first.
pub async fn list_adapters() -> Vec<AdapterSummary> {
    sorted_adapters().await.iter().map(summarise).collect()
}

async fn sorted_adapters() -> Vec<wgpu::Adapter> {
    let mut adapters = instance().enumerate_adapters(wgpu::Backends::all()).await;
    adapters.sort_by_key(|a| match a.get_info().device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu | DeviceType::Other => 2,
        DeviceType::Cpu => 3,
    });
    adapters
}

fn fits(choice: &DeviceChoice, adapter: &wgpu::Adapter) -> bool {
    let info = adapter.get_info();
    match choice {
        DeviceChoice::Auto => true,
        DeviceChoice::Discrete => info.device_type == DeviceType::DiscreteGpu,
        DeviceChoice::Integrated => info.device_type == DeviceType::IntegratedGpu,
        DeviceChoice::Software => info.device_type == DeviceType::Cpu,
        DeviceChoice::Named(name) => info.name.to_lowercase().contains(&name.to_lowercase()),
    }
}

impl Gpu {
    /// Opens the adapter that fits `options`.
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`] when none fits, [`GpuError::NoDevice`] when the driver refuses.
    pub async fn open(options: &GpuOptions) -> Result<Arc<Self>, GpuError> {
        let adapters = sorted_adapters().await;
        let adapter = adapters.iter().find(|a| fits(&options.choice, a)).ok_or_else(|| {
            let names: Vec<String> = adapters.iter().map(|a| a.get_info().name).collect();
            let hint = if cfg!(target_arch = "wasm32") {
                "the browser offers no WebGPU adapter: it may be too old, have WebGPU or hardware acceleration \
                 switched off, block this GPU's driver, or the page is not served over https or from localhost"
                    .to_string()
            } else if names.is_empty() {
                "no adapter at all was found: install a Vulkan driver (`cargo xtask setup` installs a software one on Debian)".to_string()
            } else {
                format!("found: {}; see `photonet devices`", names.join(", "))
            };
            GpuError::NoAdapter { choice: options.choice.to_string(), hint }
        })?;
        Self::from_adapter(adapter, options).await
    }

    async fn from_adapter(adapter: &wgpu::Adapter, options: &GpuOptions) -> Result<Arc<Self>, GpuError> {
        let summary = summarise(adapter);
        let mut limits = wgpu::Limits::defaults();
        let mut features = wgpu::Features::empty();
        if !options.portable {
            let offered = adapter.limits();
            limits.max_storage_buffer_binding_size = offered.max_storage_buffer_binding_size;
            limits.max_buffer_size = offered.max_buffer_size;
            features |= adapter.features() & wgpu::Features::TIMESTAMP_QUERY;
        }
        if options.cache.is_some() {
            features |= adapter.features() & wgpu::Features::PIPELINE_CACHE;
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("photonet"),
            required_features: features,
            required_limits: limits,
            ..Default::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|e| GpuError::NoDevice { adapter: summary.name.clone(), reason: e.to_string() })?;
        let health = Arc::new(Mutex::new(Health::default()));
        let lost = health.clone();
        device.set_device_lost_callback(move |reason, message| {
            lock(&lost).lost.get_or_insert(format!("{reason:?}: {message}"));
        });
        let uncaptured = health.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&uncaptured).error.get_or_insert(error.to_string());
        }));
        let own = DeviceClass::from_name(summary.kind).unwrap_or(DeviceClass::Integrated);
        let class = options.class.unwrap_or(own);
        let mut pipelines = Pipelines::default();
        let cache_notice = pipelines.open_cache(&device, adapter, options.cache.as_deref());
        let gpu = Self {
            device,
            queue,
            pipelines,
            cache: options.cache.clone(),
            cache_notice,
            choices: Mutex::default(),
            requested: AtomicU64::new(0),
            summary,
            class,
            checked: options.checked,
            health,
            in_flight: Mutex::default(),
        };
        Ok(Arc::new(gpu.with_kept_choices()))
    }

    /// The adapter behind this device.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.summary
    }

    /// The kind of device, for choosing kernel configurations.
    pub fn class(&self) -> DeviceClass {
        self.class
    }

    /// Variants that were measured on this device.
    pub fn choices(&self) -> Arc<Choices> {
        lock(&self.choices).clone()
    }

    /// Replaces them, for plans that are recorded from now on.
    pub fn set_choices(&self, choices: Choices) {
        *lock(&self.choices) = Arc::new(choices);
    }

    /// Adapter, driver and shaders, for which alone measurements hold.
    fn choices_owner(&self) -> String {
        let AdapterSummary { name, backend, driver, .. } = &self.summary;
        let checked = if self.checked { ", checked" } else { "" };
        format!("{name} | {backend} | {driver} | shaders {:016x}{checked}", crate::kernels::HASH)
    }

    #[cfg(target_arch = "wasm32")]
    fn with_kept_choices(self) -> Self {
        self
    }

    /// Takes the choices that an earlier run has kept.
    #[cfg(not(target_arch = "wasm32"))]
    fn with_kept_choices(mut self) -> Self {
        let Some(file) = self.choices_file() else { return self };
        let Ok(text) = std::fs::read_to_string(&file) else { return self };
        match Choices::parse(&text, &self.choices_owner()) {
            Ok(choices) => self.set_choices(choices),
            Err(why) => {
                let notice = format!("{} {why}: run `photonet tune` again, or delete it", file.display());
                self.cache_notice.get_or_insert(notice);
            }
        }
        self
    }

    /// Where choices are kept: a file for each adapter and driver.
    #[cfg(not(target_arch = "wasm32"))]
    fn choices_file(&self) -> Option<PathBuf> {
        use sha2::Digest as _;
        let AdapterSummary { name, backend, driver, .. } = &self.summary;
        let digest = sha2::Sha256::digest(format!("{name} {backend} {driver}"));
        let number: u64 = digest.iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte));
        Some(self.cache.as_ref()?.join(format!("tuned_{number:012x}")))
    }

    /// Keeps the choices for later runs; returns the file, or `None` where nothing is kept.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn keep_choices(&self) -> std::io::Result<Option<PathBuf>> {
        let Some(file) = self.choices_file() else { return Ok(None) };
        crate::driver_cache::replace(&file, self.choices().to_text(&self.choices_owner()).as_bytes())?;
        Ok(Some(file))
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

    /// What there is to say about what was kept from the last run: that it could not be used, and why.
    pub fn cache_notice(&self) -> Option<&str> {
        self.cache_notice.as_deref()
    }

    /// Whether shaders keep their bounds and loop checks.
    pub fn is_checked(&self) -> bool {
        self.checked
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
    /// [`GpuError::Lost`], or the first error that the driver reported outside of any scope.
    pub fn check(&self) -> Result<(), GpuError> {
        let health = lock(&self.health);
        match (&health.lost, &health.error) {
            (Some(reason), _) => Err(GpuError::Lost { reason: reason.clone() }),
            (None, Some(reason)) => {
                Err(GpuError::Driver { what: "submitted work".into(), reason: reason.clone() })
            }
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
        let made = make(&self.device);
        let refused = validation.pop();
        let full = memory.pop();
        if let Some(error) = refused.await {
            return Err(GpuError::Driver { what: what.into(), reason: error.to_string() });
        }
        match full.await {
            Some(_) => Err(GpuError::OutOfMemory { what: what.into() }),
            None => Ok(made),
        }
    }

    /// Submits one command buffer, and waits for an older one where too many are under way:
    /// commands and staging memory of unbounded work would pile up.
    pub(crate) fn submit(&self, commands: wgpu::CommandBuffer) -> Result<(), GpuError> {
        const MAX_IN_FLIGHT: usize = 4;
        let index = self.queue.submit([commands]);
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.push_back(index);
        while in_flight.len() > MAX_IN_FLIGHT {
            if let Some(oldest) = in_flight.pop_front() {
                self.poll(wgpu::PollType::Wait { submission_index: Some(oldest), timeout: None })?;
            }
        }
        self.check()
    }

    /// Waits until all submitted work is done. On the web this returns at once.
    ///
    /// # Errors
    /// [`GpuError::Lost`] when the device goes away meanwhile.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.poll(wgpu::PollType::wait_indefinitely())?;
        self.check()
    }

    /// Calls `done` when all work submitted so far is done; natively that is noticed while waiting or reading.
    pub fn when_done(&self, done: impl FnOnce() + Send + 'static) {
        self.queue.on_submitted_work_done(done);
    }

    /// Lets pending map callbacks run. On the web the browser does that by itself.
    pub(crate) fn wait_for_maps(&self) -> Result<(), GpuError> {
        self.wait()
    }

    fn poll(&self, poll: wgpu::PollType) -> Result<(), GpuError> {
        match self.device.poll(poll) {
            Ok(_) => Ok(()),
            Err(e) => Err(self.check().err().unwrap_or_else(|| GpuError::Lost { reason: e.to_string() })),
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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_choices_parse_and_print() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("DISCRETE", DeviceChoice::Discrete),
            ("integrated", DeviceChoice::Integrated),
            ("software", DeviceChoice::Software),
            ("RTX", DeviceChoice::Named("RTX".into())),
        ] {
            let parsed: DeviceChoice = text.parse().unwrap();
            assert_eq!(parsed, choice);
            assert_eq!(parsed.to_string().to_lowercase(), text.to_lowercase());
        }
    }
}
