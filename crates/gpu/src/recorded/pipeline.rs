//! Compute pipelines of a recording.

use super::Vulkan;
use super::bounds::REPORT;
use super::spirv::{self, Target};
use crate::pipeline::Recipe;
use crate::{Access, Binding, GpuError, Kernel, MatrixUnits, Storage};
use ash::vk;
use std::path::Path;
use std::sync::Arc;

/// A compiled kernel with the layout of what it binds.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub raw: vk::Pipeline,
    pub layout: vk::PipelineLayout,
    pub set_layout: vk::DescriptorSetLayout,
    /// Bytes of the uniform that are pushed with each launch: all or, where it is bound, none.
    pub pushed: u32,
    /// Its part of the device's report, where it is watched: the number of the first byte.
    pub report: Option<u64>,
    vulkan: Arc<Vulkan>,
}

/// Bytes that every device lets be pushed (Vulkan 1.3, "Required Limits", `maxPushConstantsSize`).
const PUSHED: u32 = 128;

/// Bytes of a kernel's uniform, if they can be pushed, else none.
pub(super) fn pushed(kernel: &Kernel) -> u32 {
    let uniform = kernel.bindings.iter().find(|binding| binding.access == Access::Uniform);
    uniform.map(|uniform| uniform.min_bytes).filter(|&bytes| bytes <= PUSHED).unwrap_or(0)
}

/// What a kernel's binding is for Vulkan.
pub(super) fn descriptor_type(binding: &Binding) -> vk::DescriptorType {
    match binding.access {
        Access::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
        Access::Read | Access::ReadWrite => vk::DescriptorType::STORAGE_BUFFER,
    }
}

impl Pipeline {
    /// Whether what is bound elsewhere is pushed here.
    pub fn pushes(&self, binding: &Binding) -> bool {
        self.pushed > 0 && binding.access == Access::Uniform
    }

    /// Compiles `text` for `recipe`, on `units` where it takes some.
    ///
    /// # Errors
    /// [`GpuError::Driver`] with what the translation or the driver says, [`GpuError::OutOfMemory`].
    pub fn new(
        vulkan: &Arc<Vulkan>,
        recipe: &Recipe,
        text: &str,
        units: Option<MatrixUnits>,
    ) -> Result<Self, GpuError> {
        let kernel = recipe.kernel;
        let what = format!("kernel {}", kernel.name);
        let invocations = vulkan.wgpu.limits().max_compute_invocations_per_workgroup;
        let pushed = pushed(kernel);
        let refused = |reason| GpuError::Driver { what: what.clone(), reason };
        let report = vulkan.watch.as_ref().map(|watch| watch.part(recipe)).transpose().map_err(refused)?;
        let (language, watched) = (vulkan.language, report.is_some());
        let target = Target { language, invocations, pushes: pushed > 0, watched };
        let words = spirv::compile(text, &recipe.constants, target).map_err(refused)?;
        if let Some(folder) = &vulkan.spirv {
            write(folder, recipe, &words).map_err(refused)?;
        }
        // From here on what was made is destroyed with it, if something fails.
        let mut made = Self {
            raw: vk::Pipeline::null(),
            layout: vk::PipelineLayout::null(),
            set_layout: vk::DescriptorSetLayout::null(),
            pushed,
            report,
            vulkan: vulkan.clone(),
        };
        let bound = kernel.bindings.iter().filter(|binding| !made.pushes(binding));
        let own = bound.map(|binding| (binding.index, descriptor_type(binding)));
        let to_report = report.map(|_| (REPORT, vk::DescriptorType::STORAGE_BUFFER));
        let bindings: Vec<vk::DescriptorSetLayoutBinding<'_>> = own
            .chain(to_report)
            .map(|(index, kind)| {
                vk::DescriptorSetLayoutBinding::default()
                    .binding(index)
                    .descriptor_type(kind)
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        let device = &vulkan.device;
        let code = vk::ShaderModuleCreateInfo::default().code(&words);
        // SAFETY: the words are SPIR-V that naga wrote for a kernel of this crate, validated when that was built; all handles are this
        // device's, and the module is not needed once the pipeline is made.
        unsafe {
            let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            made.set_layout = vulkan.made(&what, device.create_descriptor_set_layout(&info, None))?;
            let layouts = [made.set_layout];
            let range =
                [vk::PushConstantRange::default().stage_flags(vk::ShaderStageFlags::COMPUTE).size(pushed)];
            let ranges = if pushed > 0 { &range[..] } else { &[] };
            let info =
                vk::PipelineLayoutCreateInfo::default().set_layouts(&layouts).push_constant_ranges(ranges);
            made.layout = vulkan.made(&what, device.create_pipeline_layout(&info, None))?;
            let module = vulkan.made(&what, device.create_shader_module(&code, None))?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(c"main");
            let asked = units.filter(|units| kernel.matrix && units.one_of_several);
            let mut size = vk::PipelineShaderStageRequiredSubgroupSizeCreateInfo::default();
            let stage = match asked {
                Some(units) => {
                    size.required_subgroup_size = units.lanes();
                    stage.push_next(&mut size)
                }
                None => stage,
            };
            // That no index lies beyond its end is what watched kernels show, see `bounds`.
            let mut unchecked = vk::PipelineRobustnessCreateInfoEXT::default()
                .storage_buffers(vk::PipelineRobustnessBufferBehaviorEXT::DISABLED)
                .uniform_buffers(vk::PipelineRobustnessBufferBehaviorEXT::DISABLED);
            let mut info = vk::ComputePipelineCreateInfo::default().stage(stage).layout(made.layout);
            if !vulkan.robust {
                info = info.push_next(&mut unchecked);
            }
            let info = [info];
            let pipelines = device.create_compute_pipelines(vulkan.cache(), &info, None);
            device.destroy_shader_module(module, None);
            made.raw = vulkan.made(&what, pipelines.map(|made| made[0]).map_err(|(_, code)| code))?;
        }
        Ok(made)
    }
}

/// Writes what a driver gets to `folder`, which is made where it is missing, by the names of the kernel, its formats and its constants.
fn write(folder: &Path, recipe: &Recipe, words: &[u32]) -> Result<(), String> {
    let Storage { values, weights, gradients } = recipe.storage;
    let formats = format!("{}-{}-{}", values.name(), weights.name(), gradients.name());
    let kernel = recipe.kernel.name.replace('/', ".");
    let constants = recipe.constants_text("=", " ");
    let path = folder.join(format!("{}.spv", format!("{kernel} {formats} {constants}").trim_end()));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, bytemuck::cast_slice(words)))
        .map_err(|error| format!("its SPIR-V cannot be written to {}: {error}", path.display()))
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let device = &self.vulkan.device;
        // SAFETY: recordings keep the pipelines that they launch, and wait for the device before they go.
        unsafe {
            device.destroy_pipeline(self.raw, None);
            device.destroy_pipeline_layout(self.layout, None);
            device.destroy_descriptor_set_layout(self.set_layout, None);
        }
    }
}
