//! Compute pipelines of a recording.

use super::Vulkan;
use super::spirv;
use crate::pipeline::Recipe;
use crate::{Access, Binding, GpuError};
use ash::vk;
use std::sync::Arc;

/// A compiled kernel with the layout of what it binds.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub raw: vk::Pipeline,
    pub layout: vk::PipelineLayout,
    pub set_layout: vk::DescriptorSetLayout,
    vulkan: Arc<Vulkan>,
}

/// What a kernel's binding is for Vulkan.
pub(super) fn descriptor_type(binding: &Binding) -> vk::DescriptorType {
    match binding.access {
        Access::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
        Access::Read | Access::ReadWrite => vk::DescriptorType::STORAGE_BUFFER,
    }
}

impl Pipeline {
    /// Compiles `text` for `recipe`.
    ///
    /// # Errors
    /// [`GpuError::Driver`] with what the translation or the driver says, [`GpuError::OutOfMemory`].
    pub fn new(vulkan: &Arc<Vulkan>, recipe: &Recipe, text: &str) -> Result<Self, GpuError> {
        let kernel = recipe.kernel;
        let what = format!("kernel {}", kernel.name);
        let most = vulkan.wgpu.limits().max_compute_invocations_per_workgroup;
        let words = spirv::compile(text, &recipe.constants, vulkan.language, vulkan.checked, most)
            .map_err(|reason| GpuError::Driver { what: what.clone(), reason })?;
        let bindings: Vec<vk::DescriptorSetLayoutBinding<'_>> = kernel
            .bindings
            .iter()
            .map(|binding| {
                vk::DescriptorSetLayoutBinding::default()
                    .binding(binding.index)
                    .descriptor_type(descriptor_type(binding))
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        // From here on what was made is destroyed with it, if something fails.
        let mut made = Self {
            raw: vk::Pipeline::null(),
            layout: vk::PipelineLayout::null(),
            set_layout: vk::DescriptorSetLayout::null(),
            vulkan: vulkan.clone(),
        };
        let device = &vulkan.device;
        let code = vk::ShaderModuleCreateInfo::default().code(&words);
        // SAFETY: the words are SPIR-V that naga wrote for a kernel of this crate, validated when that was built; all handles are this
        // device's, and the module is not needed once the pipeline is made.
        unsafe {
            let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            made.set_layout = vulkan.made(&what, device.create_descriptor_set_layout(&info, None))?;
            let layouts = [made.set_layout];
            let info = vk::PipelineLayoutCreateInfo::default().set_layouts(&layouts);
            made.layout = vulkan.made(&what, device.create_pipeline_layout(&info, None))?;
            let module = vulkan.made(&what, device.create_shader_module(&code, None))?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(c"main");
            let info = [vk::ComputePipelineCreateInfo::default().stage(stage).layout(made.layout)];
            let pipelines = device.create_compute_pipelines(vulkan.cache(), &info, None);
            device.destroy_shader_module(module, None);
            made.raw = vulkan.made(&what, pipelines.map(|made| made[0]).map_err(|(_, code)| code))?;
        }
        Ok(made)
    }
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
