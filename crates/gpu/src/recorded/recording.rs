//! Command buffers that run again and again.

use super::Vulkan;
use super::bounds::REPORT;
use super::pipeline::descriptor_type;
use super::watch::PART;
use crate::pipeline::Pipeline;
use crate::plan::Launch;
use crate::{Buffer, Gpu, GpuError};
use ash::vk;
use std::ops::Range;
use std::sync::Arc;
use wgpu::hal::api;

/// What a launch needs when it is encoded.
struct Bound {
    pipeline: Arc<Pipeline>,
    set: vk::DescriptorSet,
    /// The uniform, where it is pushed.
    params: Vec<u8>,
    grid: (u32, u32),
}

/// Launches recorded for a device.
pub(crate) struct Recording {
    launches: Vec<Bound>,
    /// Secondary command buffers, one for each submit.
    pieces: Vec<vk::CommandBuffer>,
    commands: vk::CommandPool,
    sets: vk::DescriptorPool,
    /// Whose handles the descriptors hold.
    _buffers: Vec<Buffer>,
    vulkan: Arc<Vulkan>,
}

const WHAT: &str = "the plan's commands";

/// The buffer of Vulkan's behind one, which has to be kept for as long as it is used.
fn handle(buffer: &Buffer) -> Option<vk::Buffer> {
    // SAFETY: the handle is used, not destroyed.
    unsafe { buffer.raw.as_hal::<api::Vulkan>().map(|raw| raw.raw_handle()) }
}

/// A barrier for whatever came before and whatever follows on the device.
fn everything() -> (vk::PipelineStageFlags, vk::MemoryBarrier<'static>) {
    let access = vk::AccessFlags::MEMORY_READ | vk::AccessFlags::MEMORY_WRITE;
    let barrier =
        vk::MemoryBarrier::default().src_access_mask(vk::AccessFlags::MEMORY_WRITE).dst_access_mask(access);
    (vk::PipelineStageFlags::ALL_COMMANDS, barrier)
}

/// A barrier between launches, none of which writes what another has as its uniform.
fn between_launches() -> (vk::PipelineStageFlags, vk::MemoryBarrier<'static>) {
    let access = vk::AccessFlags::SHADER_READ | vk::AccessFlags::SHADER_WRITE;
    let barrier =
        vk::MemoryBarrier::default().src_access_mask(vk::AccessFlags::SHADER_WRITE).dst_access_mask(access);
    (vk::PipelineStageFlags::COMPUTE_SHADER, barrier)
}

impl Recording {
    /// Records `launches`: for each submit a list of phases, each of launches by their numbers that do not depend on one another.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`], or what the driver refuses.
    pub fn new(
        vulkan: &Arc<Vulkan>,
        launches: &[Launch<'_>],
        pieces: &[Vec<Vec<usize>>],
    ) -> Result<Self, GpuError> {
        // From here on what was made is destroyed with it, if something fails.
        let mut made = Self {
            launches: Vec::with_capacity(launches.len()),
            pieces: Vec::new(),
            commands: vk::CommandPool::null(),
            sets: vk::DescriptorPool::null(),
            _buffers: launches.iter().flat_map(|l| l.bindings.iter().map(|b| b.1.clone())).collect(),
            vulkan: vulkan.clone(),
        };
        made.bind(launches)?;
        let device = &vulkan.device;
        let pool = vk::CommandPoolCreateInfo::default().queue_family_index(vulkan.queue_family);
        // SAFETY: the pool is this device's and used on this thread alone.
        made.commands = vulkan.made(WHAT, unsafe { device.create_command_pool(&pool, None) })?;
        let info = vk::CommandBufferAllocateInfo::default()
            .command_pool(made.commands)
            .level(vk::CommandBufferLevel::SECONDARY)
            .command_buffer_count(pieces.len() as u32);
        if !pieces.is_empty() {
            // SAFETY: as above; the count is not zero.
            made.pieces = vulkan.made(WHAT, unsafe { device.allocate_command_buffers(&info) })?;
        }
        for (&buffer, phases) in made.pieces.iter().zip(pieces) {
            made.record(buffer, phases)?;
        }
        Ok(made)
    }

    /// Makes the descriptor sets.
    fn bind(&mut self, launches: &[Launch<'_>]) -> Result<(), GpuError> {
        let (vulkan, device) = (&self.vulkan, &self.vulkan.device);
        let reports = if vulkan.watches() { launches.len() } else { 0 };
        let count = |kind| {
            let bindings = launches.iter().flat_map(|launch| &launch.bindings);
            let own = bindings.filter(|(binding, ..)| descriptor_type(binding) == kind).count();
            (own + reports).max(1) as u32
        };
        let sizes = [vk::DescriptorType::STORAGE_BUFFER, vk::DescriptorType::UNIFORM_BUFFER]
            .map(|kind| vk::DescriptorPoolSize::default().ty(kind).descriptor_count(count(kind)));
        let info =
            vk::DescriptorPoolCreateInfo::default().max_sets(launches.len().max(1) as u32).pool_sizes(&sizes);
        // SAFETY: the pool is this device's, and large enough for all sets.
        self.sets = vulkan.made(WHAT, unsafe { device.create_descriptor_pool(&info, None) })?;
        for launch in launches {
            let pipeline = launch.pipeline.recorded();
            let layouts = [pipeline.set_layout];
            let info =
                vk::DescriptorSetAllocateInfo::default().descriptor_pool(self.sets).set_layouts(&layouts);
            // SAFETY: pool and layout are this device's.
            let set = vulkan.made(WHAT, unsafe { device.allocate_descriptor_sets(&info) })?[0];
            let bound = launch.bindings.iter().filter(|(binding, ..)| !pipeline.pushes(binding));
            for &(binding, buffer, start, bytes) in bound {
                let index = binding.index;
                let refused = |why: String| {
                    let reason = format!("binding {index} of '{}' {why}", launch.label);
                    Err(GpuError::Driver { what: "the plan's bindings".into(), reason })
                };
                let Some(raw) = handle(buffer) else {
                    return refused("is not a buffer of this device".into());
                };
                if start.checked_add(bytes).is_none_or(|end| end > buffer.bytes()) {
                    let whole = buffer.bytes();
                    return refused(format!("is {bytes} bytes from {start} on, of a buffer of {whole}"));
                }
                self.point(set, index, descriptor_type(binding), raw, start..start + bytes);
            }
            if let (Some(watch), Some(start)) = (&vulkan.watch, pipeline.report)
                && let Some(raw) = handle(&watch.buffer)
            {
                self.point(set, REPORT, vk::DescriptorType::STORAGE_BUFFER, raw, start..start + PART);
            }
            let params = if pipeline.pushed > 0 { launch.params.to_vec() } else { Vec::new() };
            self.launches.push(Bound { pipeline: launch.pipeline.clone(), set, params, grid: launch.grid });
        }
        Ok(())
    }

    /// Has a binding of a set, which is not in use yet, be these bytes of a buffer, which has them.
    fn point(
        &self,
        set: vk::DescriptorSet,
        index: u32,
        kind: vk::DescriptorType,
        buffer: vk::Buffer,
        bytes: Range<u64>,
    ) {
        let info = [vk::DescriptorBufferInfo::default()
            .buffer(buffer)
            .offset(bytes.start)
            .range(bytes.end - bytes.start)];
        let write = vk::WriteDescriptorSet::default()
            .dst_set(set)
            .dst_binding(index)
            .descriptor_type(kind)
            .buffer_info(&info);
        // SAFETY: the handles are this device's, and the caller says the rest.
        unsafe { self.vulkan.device.update_descriptor_sets(&[write], &[]) };
    }

    fn record(&self, buffer: vk::CommandBuffer, phases: &[Vec<usize>]) -> Result<(), GpuError> {
        let device = &self.vulkan.device;
        let inherited = vk::CommandBufferInheritanceInfo::default();
        // Several runs may be on their way at a time.
        let info = vk::CommandBufferBeginInfo::default()
            .flags(vk::CommandBufferUsageFlags::SIMULTANEOUS_USE)
            .inheritance_info(&inherited);
        // SAFETY: the buffer is new and of this thread's pool.
        self.vulkan.made(WHAT, unsafe { device.begin_command_buffer(buffer, &info) })?;
        for (number, phase) in phases.iter().enumerate() {
            self.wait(buffer, if number == 0 { everything() } else { between_launches() });
            for &launch in phase {
                self.launch(buffer, &self.launches[launch]);
            }
        }
        self.wait(buffer, everything());
        // SAFETY: as above.
        self.vulkan.made(WHAT, unsafe { device.end_command_buffer(buffer) })
    }

    fn wait(
        &self,
        buffer: vk::CommandBuffer,
        (stages, barrier): (vk::PipelineStageFlags, vk::MemoryBarrier<'_>),
    ) {
        let flags = vk::DependencyFlags::empty();
        // SAFETY: the buffer is being recorded.
        unsafe {
            self.vulkan.device.cmd_pipeline_barrier(buffer, stages, stages, flags, &[barrier], &[], &[]);
        }
    }

    fn launch(&self, buffer: vk::CommandBuffer, launch: &Bound) {
        let (device, pipeline) = (&self.vulkan.device, launch.pipeline.recorded());
        let point = vk::PipelineBindPoint::COMPUTE;
        // SAFETY: the buffer is being recorded, and `self` keeps the pipeline and the set.
        unsafe {
            device.cmd_bind_pipeline(buffer, point, pipeline.raw);
            device.cmd_bind_descriptor_sets(buffer, point, pipeline.layout, 0, &[launch.set], &[]);
            if !launch.params.is_empty() {
                let stage = vk::ShaderStageFlags::COMPUTE;
                device.cmd_push_constants(buffer, pipeline.layout, stage, 0, &launch.params);
            }
            device.cmd_dispatch(buffer, launch.grid.0, launch.grid.1, 1);
        }
    }

    /// How many submits a run takes.
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Commands that run a piece.
    ///
    /// # Errors
    /// [`GpuError::Driver`] where wgpu gives no command buffer.
    pub fn commands(&self, piece: usize) -> Result<wgpu::CommandBuffer, GpuError> {
        self.encode(|buffer| {
            // SAFETY: the encoder's buffer is being recorded, outside of any pass, and what it executes was recorded to the end.
            unsafe { self.vulkan.device.cmd_execute_commands(buffer, &[self.pieces[piece]]) };
        })
    }

    /// A command buffer of wgpu's with what `record` puts into it.
    fn encode(&self, record: impl FnOnce(vk::CommandBuffer)) -> Result<wgpu::CommandBuffer, GpuError> {
        let mut encoder = self.vulkan.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        // SAFETY: the handle is not kept, and nothing else is encoded by wgpu.
        let recorded = unsafe {
            encoder.as_hal_mut::<api::Vulkan, _, _>(|hal| hal.map(|hal| record(hal.raw_handle())).is_some())
        };
        match recorded {
            true => Ok(encoder.finish()),
            false => {
                Err(GpuError::Driver { what: WHAT.into(), reason: "there is no encoder for them".into() })
            }
        }
    }

    /// Runs every launch by itself, in order, and returns the nanoseconds of each: by the device's timestamps where it has some, with the
    /// launches of each of `pieces` in a submit, else by submitting each alone and waiting for it.
    ///
    /// # Errors
    /// As [`Gpu::submit`], and what the driver refuses.
    pub fn profile(&self, gpu: &Gpu, pieces: &[Vec<usize>]) -> Result<Vec<f64>, GpuError> {
        gpu.check()?;
        if gpu.has_timestamps() {
            return self.profile_by_timestamps(gpu, pieces);
        }
        let alone = |launch: &Bound| {
            gpu.time_alone(|| {
                self.encode(|buffer| {
                    self.wait(buffer, everything());
                    self.launch(buffer, launch);
                    self.wait(buffer, everything());
                })
            })
        };
        self.launches.iter().map(alone).collect()
    }

    /// A launch between two timestamps, which the queue has, of queries for all launches.
    fn timed_launch(&self, buffer: vk::CommandBuffer, queries: vk::QueryPool, number: usize) {
        let (stage, first) = (vk::PipelineStageFlags::COMPUTE_SHADER, 2 * number as u32);
        let stamp = |query| {
            // SAFETY: the buffer is being recorded, and the query is within its pool.
            unsafe { self.vulkan.device.cmd_write_timestamp(buffer, stage, queries, query) };
        };
        self.wait(buffer, if number == 0 { everything() } else { between_launches() });
        stamp(first);
        self.launch(buffer, &self.launches[number]);
        stamp(first + 1);
    }

    fn profile_by_timestamps(&self, gpu: &Gpu, pieces: &[Vec<usize>]) -> Result<Vec<f64>, GpuError> {
        let (vulkan, device) = (&self.vulkan, &self.vulkan.device);
        let count = 2 * self.launches.len() as u32;
        if count == 0 {
            return Ok(Vec::new());
        }
        let info = vk::QueryPoolCreateInfo::default().query_type(vk::QueryType::TIMESTAMP).query_count(count);
        // SAFETY: the pool is this device's, and destroyed below once the device is done.
        let queries = vulkan.made(WHAT, unsafe { device.create_query_pool(&info, None) })?;
        let mut ticks = vec![0u64; count as usize];
        let run = || {
            // SAFETY: the buffer is being recorded, and these are the pool's queries.
            let reset =
                self.encode(|buffer| unsafe { device.cmd_reset_query_pool(buffer, queries, 0, count) })?;
            gpu.submit([reset])?;
            for piece in pieces {
                let commands = self.encode(|buffer| {
                    piece.iter().for_each(|&number| self.timed_launch(buffer, queries, number));
                    self.wait(buffer, everything());
                })?;
                gpu.submit([commands])?;
            }
            gpu.wait()
        };
        let done = run();
        // Also where an error came between.
        vulkan.wait();
        let flags = vk::QueryResultFlags::TYPE_64 | vk::QueryResultFlags::WAIT;
        let read = done.and_then(|()| {
            // SAFETY: the device is done, and there is room for all results; after an error none is asked for.
            let results = unsafe { device.get_query_pool_results(queries, 0, &mut ticks, flags) };
            vulkan.made(WHAT, results)
        });
        // SAFETY: the device is done with them.
        unsafe { device.destroy_query_pool(queries, None) };
        read?;
        let period = f64::from(gpu.queue.get_timestamp_period());
        let between = |pair: &[u64]| (pair[1].wrapping_sub(pair[0]) & vulkan.timestamps) as f64 * period;
        Ok(ticks.chunks_exact(2).map(between).collect())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // wgpu does not know what these commands use.
        self.vulkan.wait();
        let device = &self.vulkan.device;
        // SAFETY: the device is done with them, and destroying a pool frees what came of it.
        unsafe {
            device.destroy_command_pool(self.commands, None);
            device.destroy_descriptor_pool(self.sets, None);
        }
    }
}
