//! Adapters: which there are, and which one to use.

use crate::{HalfType, MatrixUnits, SUBGROUP, recorded};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
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
    /// The first adapter whose name contains this text, ignoring the case of ASCII letters.
    Named(String),
}

impl FromStr for DeviceChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.to_ascii_lowercase().as_str() {
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
    /// A GPU with memory of its own, and registers for some 250 of an invocation's values. Plans keep a large one busy.
    Discrete,
    /// Any other GPU, Intel's discrete ones among them: kernels take 128 registers, and launches are cut for a device of that size.
    Integrated,
    /// A CPU that plays GPU.
    Software,
}

impl DeviceClass {
    /// The better way to numbers in half precision, where there is a choice.
    pub(crate) fn half(self) -> HalfType {
        match self {
            Self::Discrete | Self::Integrated => HalfType::Native,
            Self::Software => HalfType::Packed,
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
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
    /// How kernels get at numbers in half precision, where the device has a type for them; else by its class.
    pub half: Option<HalfType>,
    /// Ask for that type even of a portable device.
    pub shader_f16: bool,
    /// Multiply half precision on the device's matrix units, where it has some that kernels can take, or do not; without an answer
    /// discrete GPUs do, where their launches are recorded and subgroups have one size: those of several sizes, AMD's, have been compiled for and
    /// not run on.
    pub matrix_units: Option<bool>,
    /// Let the invocations of a subgroup exchange values on software devices, where they can, or do not; without an answer all do
    /// but portable ones.
    pub subgroups: Option<bool>,
    /// Record plans in Vulkan's commands, where the device runs on it, or do not; without an answer GPUs do and software devices do not.
    pub recorded: Option<bool>,
    /// Watch that no index of a kernel lies beyond the end of what it reaches into, on Vulkan alone: reading from the device is an error where one does.
    /// For tests, since it takes long.
    pub watched: bool,
    /// Where the kernels of recorded plans are written to as the driver gets them, in SPIR-V, for its validator, for compilers without their
    /// devices and for the example `compiled`; on Vulkan alone.
    pub spirv: Option<PathBuf>,
    /// Keep the driver's bounds checks in recorded pipelines, which do without them where it allows that.
    pub robust: bool,
    /// Choose kernels for this class of devices, not for the adapter's own. All kernels run everywhere.
    pub class: Option<DeviceClass>,
    /// Let the device bind no more bytes than this to a kernel in one buffer, as smaller ones do.
    pub binding_limit: Option<u64>,
    /// Where compiled pipelines are kept from one run to the next, for drivers that let them be (Vulkan).
    pub cache: Option<PathBuf>,
}

impl GpuOptions {
    /// Options for `choice`. `PHOTONET_WATCHED=1`, `PHOTONET_SPIRV=FOLDER`, `PHOTONET_ROBUST=1`, `PHOTONET_PORTABLE=1`,
    /// `PHOTONET_MATRIX_UNITS=0` (or `1`), `PHOTONET_SUBGROUPS=0` (or `1`), `PHOTONET_RECORDED=0` (or `1`), `PHOTONET_HALF=native` (or `packed`),
    /// `PHOTONET_DEVICE_CLASS=discrete` (or `integrated`, `software`) and `PHOTONET_BINDING_LIMIT=BYTES` are read from the environment.
    pub fn new(choice: DeviceChoice) -> Self {
        let on = |name| std::env::var(name).is_ok_and(|v| !v.is_empty() && v != "0");
        let named = |name| std::env::var(name).ok();
        let answer = |name| named(name).filter(|word| !word.is_empty()).map(|word| word != "0");
        let class = named("PHOTONET_DEVICE_CLASS").and_then(|name| DeviceClass::from_name(&name));
        let half = named("PHOTONET_HALF").and_then(|name| HalfType::from_name(&name));
        Self {
            choice,
            portable: on("PHOTONET_PORTABLE"),
            half,
            shader_f16: false,
            matrix_units: answer("PHOTONET_MATRIX_UNITS"),
            subgroups: answer("PHOTONET_SUBGROUPS"),
            recorded: answer("PHOTONET_RECORDED"),
            watched: on("PHOTONET_WATCHED"),
            spirv: std::env::var_os("PHOTONET_SPIRV")
                .filter(|name| !name.is_empty() && name != "0")
                .map(PathBuf::from),
            robust: on("PHOTONET_ROBUST"),
            class,
            binding_limit: named("PHOTONET_BINDING_LIMIT").and_then(|bytes| bytes.parse().ok()),
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
    /// Whether shaders have a type for half precision; without it they take pairs apart.
    pub shader_f16: bool,
    /// The matrix units that products of half precision can run on, if it has some.
    pub matrix_units: Option<MatrixUnits>,
}

/// What to do on this system where no GPU was found.
pub const WITHOUT_GPU: &str = if cfg!(windows) {
    "install the graphics driver of your GPU's maker, or update it"
} else if cfg!(target_vendor = "apple") {
    "a GPU that Metal can use is needed"
} else {
    "install a Vulkan driver (`cargo xtask setup` installs one in software on Debian: mesa-vulkan-drivers)"
};

fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    // A kernel that wgpu would compile for every device, for launches whose sizes the GPU finds, of which there are none.
    descriptor.flags.remove(wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL);
    // Drivers for memory that the system shares, and Windows, give more than there is, and move it out to the system's or to the disk. A batch
    // goes in parts before that. (In percent of what a driver says is free for this program; where it says nothing, as RADV does, nothing is
    // refused.)
    descriptor.memory_budget_thresholds.for_resource_creation = Some(95);
    if cfg!(windows) {
        // What a debug build would get of Direct3D's older compiler is not optimised, and wrong: 37 of 436 cases of `photonet check depthwise`.
        descriptor.flags.remove(wgpu::InstanceFlags::DEBUG);
    }
    wgpu::Instance::new(descriptor)
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

/// Intel's number (PCI-SIG).
const INTEL: u32 = 0x8086;

/// The class whose kernels suit an adapter: what is no GPU of a known kind gets those that want the least. Intel's discrete GPUs have the
/// registers of its integrated ones, half as many as those of others; that sums over rows are cut for smaller devices as well costs them less
/// than values kept in memory would.
pub(crate) fn class_of(info: &wgpu::AdapterInfo) -> DeviceClass {
    match info.device_type {
        DeviceType::DiscreteGpu if info.vendor != INTEL => DeviceClass::Discrete,
        DeviceType::Cpu => DeviceClass::Software,
        _ => DeviceClass::Integrated,
    }
}

pub(crate) fn summarise(adapter: &wgpu::Adapter) -> AdapterSummary {
    let info = adapter.get_info();
    AdapterSummary {
        kind: kind(info.device_type),
        backend: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        max_binding_bytes: adapter.limits().max_storage_buffer_binding_size,
        timestamps: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
        shader_f16: adapter.features().contains(wgpu::Features::SHADER_F16),
        matrix_units: matrix_units(adapter),
        name: info.name,
    }
}

/// Storage buffers that a kernel for matrix units may bind, one more than others: its plans are recorded, and not bound by what WebGPU allows.
const MOST_BUFFERS_ON_UNITS: u32 = 9;

/// The matrix units that kernels can take, of those that an adapter offers: of 16 bits, adding up in 32, for subgroups of a size that all have
/// or that a pipeline can ask for. An experiment of wgpu's, and of native devices alone.
fn matrix_units(adapter: &wgpu::Adapter) -> Option<MatrixUnits> {
    use wgpu::CooperativeScalarType::{F16, F32};
    let needed = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SHADER_F16;
    if cfg!(target_arch = "wasm32") || !adapter.features().contains(needed) {
        return None;
    }
    let limits = adapter.limits();
    if limits.max_storage_buffers_per_shader_stage < MOST_BUFFERS_ON_UNITS {
        return None;
    }
    let (info, offered) = (adapter.get_info(), adapter.cooperative_matrix_properties());
    let sizes = info.subgroup_min_size..=info.subgroup_max_size;
    let one_of_several = sizes.start() != sizes.end();
    if one_of_several && !recorded::asks_for_subgroups(adapter) {
        return None;
    }
    let units = |edge| MatrixUnits {
        edge,
        one_of_several,
        workgroup_bytes: limits.max_compute_workgroup_storage_size,
        invocations: limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x),
    };
    MatrixUnits::edges().map(units).find(|units| {
        let lanes = units.lanes();
        let fits = |p: &wgpu::CooperativeMatrixProperties| {
            [p.m_size, p.n_size, p.k_size] == [units.edge; 3] && (p.ab_type, p.cr_type) == (F16, F32)
        };
        sizes.contains(&lanes) && offered.iter().any(fits)
    })
}

/// Whether subgroups of an adapter are what kernels in subgroups are written for. In a page they would be an extension of the language.
pub(crate) fn has_subgroups(adapter: &wgpu::Adapter) -> bool {
    let info = adapter.get_info();
    cfg!(not(target_arch = "wasm32"))
        && adapter.features().contains(wgpu::Features::SUBGROUP)
        && (info.subgroup_min_size, info.subgroup_max_size) == (SUBGROUP, SUBGROUP)
}

/// Every adapter of this machine, best first.
pub async fn list_adapters() -> Vec<AdapterSummary> {
    sorted_adapters().await.iter().map(summarise).collect()
}

pub(crate) async fn sorted_adapters() -> Vec<wgpu::Adapter> {
    let mut adapters = instance().enumerate_adapters(wgpu::Backends::all()).await;
    adapters.sort_by_key(|adapter| place(&adapter.get_info()));
    adapters
}

/// Where an adapter stands among others, best first. A GPU that Windows has on two APIs is taken on Vulkan, where plans are recorded and what
/// the driver compiles is kept.
fn place(info: &wgpu::AdapterInfo) -> (u32, bool) {
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu | DeviceType::Other => 2,
        DeviceType::Cpu => 3,
    };
    (kind, info.backend != wgpu::Backend::Vulkan)
}

pub(crate) fn fits(choice: &DeviceChoice, adapter: &wgpu::Adapter) -> bool {
    let info = adapter.get_info();
    match choice {
        DeviceChoice::Auto => true,
        DeviceChoice::Discrete => info.device_type == DeviceType::DiscreteGpu,
        DeviceChoice::Integrated => info.device_type == DeviceType::IntegratedGpu,
        DeviceChoice::Software => info.device_type == DeviceType::Cpu,
        DeviceChoice::Named(name) => info.name.to_ascii_lowercase().contains(&name.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discrete_gpus_of_intel_get_the_kernels_of_integrated_ones() {
        let class = |kind, vendor| {
            let info = wgpu::AdapterInfo { vendor, ..wgpu::AdapterInfo::new(kind, wgpu::Backend::Vulkan) };
            class_of(&info)
        };
        let (nvidia, amd) = (0x10de, 0x1002);
        for vendor in [nvidia, amd] {
            assert_eq!(class(DeviceType::DiscreteGpu, vendor), DeviceClass::Discrete);
        }
        assert_eq!(class(DeviceType::DiscreteGpu, INTEL), DeviceClass::Integrated);
        for kind in [DeviceType::IntegratedGpu, DeviceType::VirtualGpu, DeviceType::Other] {
            assert_eq!(class(kind, amd), DeviceClass::Integrated);
        }
        assert_eq!(class(DeviceType::Cpu, amd), DeviceClass::Software);
    }

    #[test]
    fn the_best_kind_comes_first_and_of_two_apis_vulkan() {
        use wgpu::Backend::{Dx12, Vulkan};
        let mut all = [
            (DeviceType::Cpu, Vulkan),
            (DeviceType::IntegratedGpu, Dx12),
            (DeviceType::DiscreteGpu, Dx12),
            (DeviceType::IntegratedGpu, Vulkan),
            (DeviceType::DiscreteGpu, Vulkan),
        ];
        all.sort_by_key(|&(kind, backend)| place(&wgpu::AdapterInfo::new(kind, backend)));
        let kinds = [DeviceType::DiscreteGpu, DeviceType::IntegratedGpu];
        let both = kinds.iter().flat_map(|&kind| [(kind, Vulkan), (kind, Dx12)]);
        assert!(both.chain([(DeviceType::Cpu, Vulkan)]).eq(all));
    }

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
