//! Compute pipelines, made once per kernel and set of override constants.

use crate::{Access, Gpu, GpuError, Kernel, Storage, recorded};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Override constants in a form that can be a key.
pub(crate) type Constants = Vec<(&'static str, u64)>;

/// Their values.
pub(crate) fn values(constants: &Constants) -> impl Iterator<Item = (&'static str, f64)> {
    constants.iter().map(|(name, bits)| (*name, f64::from_bits(*bits)))
}

/// What a pipeline is made of.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub kernel: &'static Kernel,
    pub storage: Storage,
    /// Values as `f64` bits.
    pub constants: Constants,
}

impl Recipe {
    /// Its constants, for a reader.
    #[cfg(recordable)]
    pub fn constants_text(&self, equals: &str, between: &str) -> String {
        let texts = values(&self.constants).map(|(name, value)| format!("{name}{equals}{value}"));
        texts.collect::<Vec<_>>().join(between)
    }

    /// Kernels differ by their names.
    fn key(&self) -> Key {
        (self.kernel.name, self.storage, self.constants.clone())
    }
}

type Key = (&'static str, Storage, Constants);

/// Pipelines that are still to be made.
pub(crate) struct Begun {
    missing: Vec<Recipe>,
    /// What the browser compiles.
    #[cfg(target_arch = "wasm32")]
    ahead: Vec<wasm_bindgen_futures::JsFuture>,
}

/// How far a device is with compiling kernels for its plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compiled {
    /// Kernels that are compiled.
    pub done: usize,
    /// Kernels that were asked for, those included.
    pub wanted: usize,
}

/// A compiled kernel.
#[derive(Debug)]
pub(crate) enum Pipeline {
    /// For launches that wgpu encodes.
    Encoded { raw: wgpu::ComputePipeline, layout: wgpu::BindGroupLayout },
    /// For launches that are recorded.
    Recorded(recorded::Pipeline),
}

#[cfg(recordable)]
impl Pipeline {
    /// As launches that are recorded need it; a device has pipelines of one kind.
    pub fn recorded(&self) -> &recorded::Pipeline {
        match self {
            Self::Recorded(pipeline) => pipeline,
            Self::Encoded { .. } => unreachable!("a device that records its launches has pipelines for them"),
        }
    }
}

/// The pipelines of one device.
#[derive(Debug, Default)]
pub(crate) struct Pipelines {
    made: Mutex<HashMap<Key, Arc<Pipeline>>>,
    wanted: AtomicUsize,
    compiled: AtomicUsize,
    #[cfg(not(target_arch = "wasm32"))]
    pub kept: Option<crate::driver_cache::DriverCache>,
}

impl Pipelines {
    /// Takes what an earlier run has kept in `folder`; returns what the user should know.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open_cache(
        &mut self,
        device: &wgpu::Device,
        vulkan: Option<&recorded::Shared>,
        adapter: &wgpu::Adapter,
        folder: Option<&std::path::Path>,
    ) -> Option<String> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let (kept, notice) =
            crate::driver_cache::DriverCache::open(device, vulkan, &adapter.get_info(), folder?);
        self.kept = kept;
        notice
    }

    /// A page has no say in what its browser keeps.
    #[cfg(target_arch = "wasm32")]
    pub fn open_cache(
        &mut self,
        _: &wgpu::Device,
        _: Option<&recorded::Shared>,
        _: &wgpu::Adapter,
        _: Option<&std::path::Path>,
    ) -> Option<String> {
        None
    }

    fn driver_cache(&self) -> Option<&wgpu::PipelineCache> {
        #[cfg(not(target_arch = "wasm32"))]
        return self.kept.as_ref().and_then(|kept| kept.encoded());
        #[cfg(target_arch = "wasm32")]
        return None;
    }
}

impl Gpu {
    /// The pipeline of `recipe`.
    pub(crate) async fn pipeline(&self, recipe: &Recipe) -> Result<Arc<Pipeline>, GpuError> {
        let key = recipe.key();
        let cached = self.pipelines.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(pipeline) = cached {
            return Ok(pipeline);
        }
        let cache = self.pipelines.driver_cache();
        let what = format!("kernel {}", recipe.kernel.name);
        let text = recipe.kernel.text(recipe.storage, self.half(), self.matrix_units());
        let pipeline = Arc::new(match &self.vulkan {
            Some(vulkan) => {
                Pipeline::Recorded(recorded::Pipeline::new(vulkan, recipe, &text, self.matrix_units())?)
            }
            None => {
                #[cfg(not(target_arch = "wasm32"))]
                let text = crate::plain_types::for_backend(&self.adapter().backend, text);
                self.guarded(&what, |device| compile(device, recipe, text, cache)).await?
            }
        });
        let mut made = self.pipelines.made.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(made.entry(key).or_insert(pipeline).clone())
    }

    /// Those of `wanted` that are not there yet; in a page the browser begins to compile them.
    pub(crate) fn begin_pipelines(&self, wanted: &[Recipe]) -> Begun {
        let mut missing: HashMap<Key, Recipe> = HashMap::new();
        {
            let made = self.pipelines.made.lock().unwrap_or_else(PoisonError::into_inner);
            for recipe in wanted {
                let key = recipe.key();
                if !made.contains_key(&key) {
                    missing.insert(key, recipe.clone());
                }
            }
        }
        let missing: Vec<Recipe> = missing.into_values().collect();
        self.pipelines.wanted.fetch_add(missing.len(), Ordering::Relaxed);
        #[cfg(target_arch = "wasm32")]
        let ahead = crate::web::compile_ahead(self, &missing);
        Begun {
            missing,
            #[cfg(target_arch = "wasm32")]
            ahead,
        }
    }

    /// Makes them: as many at a time as there are processors, since drivers compile a pipeline on the thread that asks for it.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) async fn make_pipelines(&self, begun: Begun) -> Result<(), GpuError> {
        let Begun { missing } = begun;
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(recipe) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                pollster::block_on(self.pipeline(recipe))?;
                self.count_compiled();
            }
            Ok(())
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(missing.len());
        std::thread::scope(|scope| {
            let started: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            started.into_iter().fold(own, |result, thread| {
                // A panic of a thread goes on here, as it would have without threads.
                let other = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result.and(other)
            })
        })
    }

    /// Makes them, once the browser has compiled them.
    #[cfg(target_arch = "wasm32")]
    pub(crate) async fn make_pipelines(&self, begun: Begun) -> Result<(), GpuError> {
        let compiled = crate::web::compiled(begun.ahead, || self.count_compiled()).await;
        for recipe in &begun.missing {
            self.pipeline(recipe).await?;
        }
        drop(compiled);
        Ok(())
    }

    fn count_compiled(&self) {
        self.pipelines.compiled.fetch_add(1, Ordering::Relaxed);
    }

    /// How far it is with the kernels of the plans that are being made. A kernel that two plans ask for at once counts twice.
    pub fn compiled(&self) -> Compiled {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        Compiled { done: of(&self.pipelines.compiled), wanted: of(&self.pipelines.wanted) }
    }

    /// How many pipelines were compiled so far.
    pub fn pipeline_count(&self) -> usize {
        self.pipelines.made.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn compile(
    device: &wgpu::Device,
    recipe: &Recipe,
    text: Cow<'static, str>,
    cache: Option<&wgpu::PipelineCache>,
) -> Pipeline {
    let kernel = recipe.kernel;
    let constants: Vec<(&str, f64)> = values(&recipe.constants).collect();
    let descriptor =
        wgpu::ShaderModuleDescriptor { label: Some(kernel.name), source: wgpu::ShaderSource::Wgsl(text) };
    // SAFETY: the kernels are this crate's own, validated when it was built; every index they form is guarded by the sizes in their uniforms,
    // every loop is bounded by them, and the test suite watches that no index of any of them lies beyond an end (`recorded::bounds`).
    let module =
        unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
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
            constants: &constants,
            // Kernels write workgroup memory before they read it.
            zero_initialize_workgroup_memory: false,
        },
        cache,
    });
    Pipeline::Encoded { raw, layout }
}
