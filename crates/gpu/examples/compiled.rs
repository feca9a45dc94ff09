//! Has a Vulkan driver compile kernels, and prints what it says of each: registers, what did not fit into them, cycles. Nothing is run, so
//! that drivers will do that compile for devices which are not there.
//!
//! `compiled` says which device it is; `compiled FOLDER [NAME | NAME<=VALUE ...]`: the folder has the kernels of a plan, which a run with `PHOTONET_SPIRV=FOLDER` has written;
//! the names are of the driver's statistics, of which all are printed where none is named. It fails where a value is above what is asked.

#[cfg(not(recordable))]
fn main() {
    println!("there is no Vulkan here");
}

#[cfg(recordable)]
fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compiled: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(recordable)]
fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        println!("{}", vulkan::Compiler::open()?.name());
        return Ok(());
    };
    let columns: Vec<Column> = arguments.map(|text| Column::parse(&text)).collect::<Result<_, _>>()?;
    let mut files: Vec<std::path::PathBuf> =
        std::fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "spv"));
    files.sort();
    if files.is_empty() {
        return Err(format!("{folder} has no kernels: run photonet with PHOTONET_SPIRV={folder}").into());
    }
    let compiler = vulkan::Compiler::open()?;
    println!("# {}: {} kernels", compiler.name(), files.len());
    let mut above = Vec::new();
    let mut most = vec![f64::NEG_INFINITY; columns.len()];
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let code = std::fs::read(&path)?;
        let said = compiler.statistics(&code).map_err(|error| format!("{name}: {error}"))?;
        if columns.is_empty() {
            let all: Vec<String> = said.iter().map(|(name, value)| format!("{name} {value}")).collect();
            println!("{name}: {}", all.join(", "));
            continue;
        }
        let mut line = Vec::new();
        for (column, most) in columns.iter().zip(&mut most) {
            let known = || said.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            let (_, value) = said
                .iter()
                .find(|(name, _)| *name == column.name)
                .ok_or_else(|| format!("this driver does not say {:?}: it says {}", column.name, known()))?;
            *most = most.max(*value);
            line.push(format!("{} {value}", column.name));
            if column.limit.is_some_and(|limit| *value > limit) {
                above.push(format!("{name}: {} {value}", column.name));
            }
        }
        println!("{name}: {}", line.join(", "));
    }
    for (column, most) in columns.iter().zip(most) {
        println!("# {}: at most {most}", column.name);
    }
    match above.len() {
        0 => Ok(()),
        count => Err(format!("{count} values above what was asked:\n{}", above.join("\n")).into()),
    }
}

/// A statistic that is asked for, and how large it may be.
#[cfg(recordable)]
struct Column {
    name: String,
    limit: Option<f64>,
}

#[cfg(recordable)]
impl Column {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((name, limit)) = text.split_once("<=") else {
            return Ok(Self { name: text.into(), limit: None });
        };
        let limit = limit.parse().map_err(|_| format!("{text}: {limit} is no number"))?;
        Ok(Self { name: name.into(), limit: Some(limit) })
    }
}

#[cfg(recordable)]
mod vulkan {
    use ash::{Device, Entry, Instance, khr, vk};
    use std::error::Error;
    use std::ffi::CStr;

    /// Invocations of a subgroup that kernels on matrix units are written for.
    const SUBGROUP: u32 = 32;

    /// A device that compiles and does nothing else.
    pub struct Compiler {
        // Keeps the library loaded.
        _entry: Entry,
        instance: Instance,
        device: Device,
        executables: khr::pipeline_executable_properties::Device,
        name: String,
        /// Whether invocations to a subgroup can be asked for, of several numbers that there are.
        sizes: bool,
    }

    impl Compiler {
        /// The first device that there is, with all that it can.
        pub fn open() -> Result<Self, Box<dyn Error>> {
            // SAFETY: the loader is the system's; every structure outlives the call that it is handed to, and each function belongs to the version or
            // extension that was asked for.
            unsafe {
                let entry = Entry::load()?;
                let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
                let info = vk::InstanceCreateInfo::default().application_info(&application);
                let instance = entry.create_instance(&info, None)?;
                let physical =
                    *instance.enumerate_physical_devices()?.first().ok_or("there is no Vulkan device")?;
                let mut sizes = vk::PhysicalDeviceSubgroupSizeControlProperties::default();
                let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut sizes);
                instance.get_physical_device_properties2(physical, &mut properties);
                let name = properties.properties.device_name_as_c_str()?.to_string_lossy().into_owned();
                let sizes = sizes.required_subgroup_size_stages.contains(vk::ShaderStageFlags::COMPUTE)
                    && sizes.min_subgroup_size != sizes.max_subgroup_size
                    && (sizes.min_subgroup_size..=sizes.max_subgroup_size).contains(&SUBGROUP);
                let offered = instance.enumerate_device_extension_properties(physical)?;
                let has = |name: &CStr| {
                    offered.iter().any(|extension| extension.extension_name_as_c_str() == Ok(name))
                };
                let statistics = khr::pipeline_executable_properties::NAME;
                if !has(statistics) {
                    return Err(format!("the driver of {name} says nothing of what it compiles").into());
                }
                let units = has(khr::cooperative_matrix::NAME);
                let mut extensions = vec![statistics.as_ptr()];
                extensions.extend(units.then_some(khr::cooperative_matrix::NAME.as_ptr()));
                let mut executables = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default();
                let mut matrices = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default();
                let mut of_1_1 = vk::PhysicalDeviceVulkan11Features::default();
                let mut of_1_2 = vk::PhysicalDeviceVulkan12Features::default();
                let mut of_1_3 = vk::PhysicalDeviceVulkan13Features::default();
                let mut features = vk::PhysicalDeviceFeatures2::default()
                    .push_next(&mut of_1_1)
                    .push_next(&mut of_1_2)
                    .push_next(&mut of_1_3)
                    .push_next(&mut executables);
                if units {
                    features = features.push_next(&mut matrices);
                }
                instance.get_physical_device_features2(physical, &mut features);
                // As recorded plans, which do without the driver's bounds checks.
                features.features.robust_buffer_access = vk::FALSE;
                let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
                let info = vk::DeviceCreateInfo::default()
                    .queue_create_infos(&queues)
                    .enabled_extension_names(&extensions)
                    .push_next(&mut features);
                let device = instance.create_device(physical, &info, None)?;
                let executables = khr::pipeline_executable_properties::Device::new(&instance, &device);
                Ok(Self { _entry: entry, instance, device, executables, name, sizes })
            }
        }

        /// The device's name.
        pub fn name(&self) -> &str {
            &self.name
        }

        /// What the driver says of a kernel of which this is the SPIR-V.
        pub fn statistics(&self, code: &[u8]) -> Result<Vec<(String, f64)>, Box<dyn Error>> {
            let words = ash::util::read_spv(&mut std::io::Cursor::new(code))?;
            let bindings: Vec<_> = bindings(&words)
                .into_iter()
                .map(|(binding, kind)| {
                    vk::DescriptorSetLayoutBinding::default()
                        .binding(binding)
                        .descriptor_type(kind)
                        .descriptor_count(1)
                        .stage_flags(vk::ShaderStageFlags::COMPUTE)
                })
                .collect();
            // What every device lets be pushed, and so the most that is.
            let pushed =
                [vk::PushConstantRange::default().stage_flags(vk::ShaderStageFlags::COMPUTE).size(128)];
            let device = &self.device;
            // SAFETY: the code is naga's; every handle is this device's, and is destroyed when it is no longer needed. A failure ends the program, and
            // the device with it.
            unsafe {
                let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
                let set = [device.create_descriptor_set_layout(&info, None)?];
                let info =
                    vk::PipelineLayoutCreateInfo::default().set_layouts(&set).push_constant_ranges(&pushed);
                let layout = device.create_pipeline_layout(&info, None)?;
                let info = vk::ShaderModuleCreateInfo::default().code(&words);
                let module = device.create_shader_module(&info, None)?;
                let stage = vk::PipelineShaderStageCreateInfo::default()
                    .stage(vk::ShaderStageFlags::COMPUTE)
                    .module(module)
                    .name(c"main");
                let mut size = vk::PipelineShaderStageRequiredSubgroupSizeCreateInfo::default()
                    .required_subgroup_size(SUBGROUP);
                let stage = match self.sizes && multiplies_on_units(&words) {
                    true => stage.push_next(&mut size),
                    false => stage,
                };
                let info = vk::ComputePipelineCreateInfo::default()
                    .stage(stage)
                    .layout(layout)
                    .flags(vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR);
                let made = device.create_compute_pipelines(vk::PipelineCache::null(), &[info], None);
                let pipeline = made.map_err(|(_, code)| code)?[0];
                let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(0);
                let said = self.executables.get_pipeline_executable_statistics(&info)?;
                device.destroy_pipeline(pipeline, None);
                device.destroy_shader_module(module, None);
                device.destroy_pipeline_layout(layout, None);
                device.destroy_descriptor_set_layout(set[0], None);
                said.iter()
                    .map(|one| Ok((one.name_as_c_str()?.to_string_lossy().into_owned(), number(one))))
                    .collect()
            }
        }
    }

    impl Drop for Compiler {
        fn drop(&mut self) {
            // SAFETY: nothing of them is left.
            unsafe {
                self.device.destroy_device(None);
                self.instance.destroy_instance(None);
            }
        }
    }

    fn number(said: &vk::PipelineExecutableStatisticKHR<'_>) -> f64 {
        use vk::PipelineExecutableStatisticFormatKHR as Format;
        // SAFETY: the format says which it is.
        unsafe {
            match said.format {
                Format::BOOL32 => f64::from(said.value.b32),
                Format::INT64 => said.value.i64 as f64,
                Format::UINT64 => said.value.u64 as f64,
                _ => said.value.f64,
            }
        }
    }

    /// The instructions of a module, each with its number (SPIR-V 1.6, 2.3 "Physical Layout").
    fn instructions(words: &[u32]) -> impl Iterator<Item = (u32, &[u32])> {
        let mut rest = words.get(5..).unwrap_or_default();
        std::iter::from_fn(move || {
            let first = *rest.first()?;
            let (instruction, behind) = rest.split_at_checked((first >> 16).max(1) as usize)?;
            rest = behind;
            Some((first & 0xffff, instruction))
        })
    }

    /// Whether a module declares that it has matrices (`SPV_KHR_cooperative_matrix`).
    fn multiplies_on_units(words: &[u32]) -> bool {
        const CAPABILITY: u32 = 17;
        const MATRICES: u32 = 6022;
        instructions(words).any(|(number, words)| number == CAPABILITY && words.get(1) == Some(&MATRICES))
    }

    /// The numbers of what a module binds, and how (SPIR-V 1.6, 3.3 "Instructions").
    fn bindings(words: &[u32]) -> Vec<(u32, vk::DescriptorType)> {
        const DECORATE: u32 = 71;
        const BINDING: u32 = 33;
        const VARIABLE: u32 = 59;
        const UNIFORM: u32 = 2;
        let mut numbers = Vec::new();
        let mut found = Vec::new();
        for instruction in instructions(words) {
            match instruction {
                (DECORATE, &[_, variable, BINDING, number]) => numbers.push((variable, number)),
                (VARIABLE, &[_, _, variable, class, ..]) => {
                    if let Some((_, number)) = numbers.iter().find(|(bound, _)| *bound == variable) {
                        let kinds = [vk::DescriptorType::STORAGE_BUFFER, vk::DescriptorType::UNIFORM_BUFFER];
                        found.push((*number, kinds[usize::from(class == UNIFORM)]));
                    }
                }
                _ => {}
            }
        }
        found
    }
}
