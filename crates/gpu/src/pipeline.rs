//! Compute pipelines, made once per kernel and set of override constants.

use crate::{Access, Gpu, GpuError, Kernel};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Override constants in a form that can be a key.
pub(crate) type Constants = Vec<(&'static str, u64)>;

/// A compiled kernel.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub raw: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// The pipelines of one device.
#[derive(Debug, Default)]
pub(crate) struct PipelineCache {
    made: Mutex<HashMap<(&'static str, Constants), Arc<Pipeline>>>,
}

impl Gpu {
    /// The pipeline of `kernel` with `constants` (values as `f64` bits).
    pub(crate) async fn pipeline(
        &self,
        kernel: &'static Kernel,
        constants: &Constants,
    ) -> Result<Arc<Pipeline>, GpuError> {
        let key = (kernel.name, constants.clone());
        let cached = self.pipelines.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(pipeline) = cached {
            return Ok(pipeline);
        }
        let checked = self.is_checked();
        let values: Vec<(&str, f64)> = constants.iter().map(|(n, v)| (*n, f64::from_bits(*v))).collect();
        let what = format!("kernel {}", kernel.name);
        let pipeline =
            Arc::new(self.guarded(&what, |device| compile(device, kernel, &values, checked)).await?);
        let mut made = self.pipelines.made.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(made.entry(key).or_insert(pipeline).clone())
    }

    /// How many pipelines were compiled so far.
    pub fn pipeline_count(&self) -> usize {
        self.pipelines.made.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn compile(device: &wgpu::Device, kernel: &Kernel, constants: &[(&str, f64)], checked: bool) -> Pipeline {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(kernel.name),
        source: wgpu::ShaderSource::Wgsl(kernel.source.text()),
    };
    let module = if checked {
        device.create_shader_module(descriptor)
    } else {
        // SAFETY: the kernels are this crate's own, validated when it was built; every index they
        // form is guarded by the sizes in their uniforms, every loop is bounded by them, and the
        // test suite runs all of them in checked mode as well.
        unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
    };
    let entries: Vec<wgpu::BindGroupLayoutEntry> = kernel
        .bindings
        .iter()
        .map(|binding| wgpu::BindGroupLayoutEntry {
            binding: binding.index,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: match binding.access {
                    Access::Uniform => wgpu::BufferBindingType::Uniform,
                    Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                    Access::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
                },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(kernel.name),
        entries: &entries,
    });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(kernel.name),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let raw = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(kernel.name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants,
            // Kernels write workgroup memory before they read it.
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    });
    Pipeline { raw, layout }
}
