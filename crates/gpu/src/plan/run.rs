//! Running and timing a plan.

use super::launches::submits;
use super::{Cost, Question, Tensor};
use crate::recorded::Recording;
use crate::{Buffer, DeviceClass, Gpu, GpuError};
use std::sync::Arc;

/// One launch.
pub(super) struct Step {
    pub label: String,
    pub kernel: &'static str,
    pub cost: Cost,
    pub questions: Vec<String>,
}

/// A launch that wgpu encodes.
pub(super) struct Encoded {
    pub pipeline: wgpu::ComputePipeline,
    pub bind_group: wgpu::BindGroup,
    pub grid: (u32, u32),
}

impl Encoded {
    fn encode(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(self.grid.0, self.grid.1, 1);
    }
}

/// How the launches get to the device.
pub(super) enum Launches {
    /// Encoded by wgpu for every run, those of each submit.
    Encoded(Vec<Vec<Encoded>>),
    /// Recorded when the plan was made.
    Recorded(Recording),
}

impl Launches {
    /// How many submits a run takes.
    pub fn submits(&self) -> usize {
        match self {
            Self::Encoded(submits) => submits.len(),
            Self::Recorded(recording) => recording.pieces(),
        }
    }
}

/// What a plan holds and does, known before it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlanReport {
    /// Launches.
    pub dispatches: usize,
    /// How many times in a run a launch waits for those before it: the first one, and wherever launches are recorded those that depend
    /// on something; elsewhere the API decides, and each may.
    pub phases: usize,
    /// Submits.
    pub submits: usize,
    /// Buffers shared by the transient tensors.
    pub transient_buffers: usize,
    /// Their bytes.
    pub transient_bytes: u64,
    /// Bytes the transient tensors would take without sharing.
    pub unpooled_bytes: u64,
    /// Multiply-accumulates of one run.
    pub macs: u64,
    /// Bytes read and written by one run, each tensor of a launch counted once.
    pub traffic_bytes: u64,
}

/// The time of one launch.
#[derive(Clone, Debug)]
pub struct Timing {
    /// The launch's label.
    pub label: String,
    /// Kernel name.
    pub kernel: &'static str,
    /// Nanoseconds.
    pub nanoseconds: f64,
    /// What it cost.
    pub cost: Cost,
    /// The questions that its variant answers, see [`PlanBuilder::choose`](crate::PlanBuilder::choose).
    pub questions: Vec<String>,
}

/// A recorded list of launches with all that running it needs.
pub struct Plan {
    // Goes before the buffers: it waits for the device.
    launches: Launches,
    gpu: Arc<Gpu>,
    steps: Vec<Step>,
    buffers: Vec<Buffer>,
    report: PlanReport,
    questions: Vec<Question>,
}

impl Plan {
    pub(super) fn new(
        gpu: Arc<Gpu>,
        launches: Launches,
        steps: Vec<Step>,
        buffers: Vec<Buffer>,
        report: PlanReport,
        questions: Vec<Question>,
    ) -> Self {
        Self { launches, gpu, steps, buffers, report, questions }
    }

    /// The questions which variant to take that came up.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// What the plan holds and does.
    pub fn report(&self) -> PlanReport {
        self.report
    }

    /// The device that it runs on.
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// The buffer behind a tensor; its contents are defined for imported and kept tensors.
    pub fn tensor(&self, tensor: Tensor) -> &Buffer {
        &self.buffers[tensor.id()]
    }

    /// Reads a kept or imported tensor back.
    ///
    /// # Errors
    /// As [`Gpu::read`].
    pub async fn read<T: bytemuck::Pod>(&self, tensor: Tensor, count: usize) -> Result<Vec<T>, GpuError> {
        self.gpu.read(self.tensor(tensor), tensor.start(), count).await
    }

    /// Submits every launch, each behind those that it depends on. Returns before the device is done.
    ///
    /// # Errors
    /// A device that is lost or that reported an error.
    pub fn run(&self) -> Result<(), GpuError> {
        self.run_behind(None::<fn(&mut wgpu::CommandEncoder)>)
    }

    /// The same, with `staged` copied to the beginning of `target` before the first launch.
    ///
    /// # Errors
    /// As [`Plan::run`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn run_with(&self, staged: crate::Staged, target: &Buffer) -> Result<(), GpuError> {
        let size = staged.buffer.size();
        self.run_behind(Some(|encoder: &mut wgpu::CommandEncoder| {
            encoder.copy_buffer_to_buffer(&staged.buffer, 0, &target.raw, 0, size);
        }))?;
        staged.give_back();
        Ok(())
    }

    /// What the device says of itself where it is lost, else `error`.
    fn or_lost(&self, error: GpuError) -> GpuError {
        self.gpu.check().err().unwrap_or(error)
    }

    /// `begin` encodes what comes before the launches.
    fn run_behind(&self, begin: Option<impl FnOnce(&mut wgpu::CommandEncoder)>) -> Result<(), GpuError> {
        self.gpu.check()?;
        match &self.launches {
            Launches::Recorded(recording) => {
                let mut first = begin.map(|begin| {
                    let mut encoder = self.encoder();
                    begin(&mut encoder);
                    encoder.finish()
                });
                for piece in 0..recording.pieces() {
                    let commands = recording.commands(piece).map_err(|error| self.or_lost(error))?;
                    self.gpu.submit(first.take().into_iter().chain([commands]))?;
                }
            }
            Launches::Encoded(submits) => {
                let mut begin = begin;
                for launches in submits {
                    let mut encoder = self.encoder();
                    if let Some(begin) = begin.take() {
                        begin(&mut encoder);
                    }
                    {
                        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                        for launch in launches {
                            launch.encode(&mut pass);
                        }
                    }
                    self.gpu.submit([encoder.finish()])?;
                }
            }
        }
        Ok(())
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// Runs once, one launch after the other, and times each: by the device's timestamps where it offers them, else by
    /// submitting each launch alone and waiting for it (which adds the submit's own latency).
    ///
    /// # Errors
    /// As [`Plan::run`] and [`Gpu::read`].
    pub async fn profile(&self) -> Result<Vec<Timing>, GpuError> {
        let nanoseconds = match &self.launches {
            Launches::Recorded(recording) => {
                let costs = self.steps.iter().enumerate().map(|(number, step)| (number, step.cost));
                let pieces = submits(self.gpu.class(), costs);
                recording.profile(&self.gpu, &pieces).map_err(|error| self.or_lost(error))?
            }
            Launches::Encoded(submits) => self.profile_encoded(submits).await?,
        };
        let timing = |(step, nanoseconds): (&Step, f64)| Timing {
            label: step.label.clone(),
            kernel: step.kernel,
            nanoseconds,
            cost: step.cost,
            questions: step.questions.clone(),
        };
        Ok(self.steps.iter().zip(nanoseconds).map(timing).collect())
    }

    async fn profile_encoded(&self, submits: &[Vec<Encoded>]) -> Result<Vec<f64>, GpuError> {
        if self.gpu.has_timestamps() {
            let mut nanoseconds = Vec::with_capacity(self.steps.len());
            // A query set holds at most 4096 queries, two for each launch.
            for launches in submits.iter().flat_map(|launches| launches.chunks(2048)) {
                nanoseconds.extend(self.profile_by_timestamps(launches).await?);
            }
            return Ok(nanoseconds);
        }
        let alone = |launch: &Encoded| {
            self.gpu.time_alone(|| {
                let mut encoder = self.encoder();
                launch.encode(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
                Ok(encoder.finish())
            })
        };
        submits.iter().flatten().map(alone).collect()
    }

    async fn profile_by_timestamps(&self, launches: &[Encoded]) -> Result<Vec<f64>, GpuError> {
        let device = &self.gpu.device;
        let count = 2 * launches.len() as u32;
        let queries = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("profile"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let bytes = u64::from(count) * 8;
        let resolved = self
            .gpu
            .guarded("the profile", |device| {
                device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("profile"),
                    size: bytes,
                    usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                })
            })
            .await?;
        let mut encoder = self.encoder();
        for (index, launch) in launches.iter().enumerate() {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: None,
                timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                    query_set: &queries,
                    beginning_of_pass_write_index: Some(2 * index as u32),
                    end_of_pass_write_index: Some(2 * index as u32 + 1),
                }),
            });
            launch.encode(&mut pass);
        }
        encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
        self.gpu.submit([encoder.finish()])?;
        let buffer = Buffer::from(resolved);
        let ticks: Vec<u64> = self.gpu.read(&buffer, 0, count as usize).await?;
        let period = f64::from(self.gpu.queue.get_timestamp_period());
        Ok(ticks.chunks_exact(2).map(|t| t[1].saturating_sub(t[0]) as f64 * period).collect())
    }
}

/// One number for a launch's work: a byte moved takes about as long as eight multiply-accumulates, on large GPUs, small ones and processors.
pub(super) fn weight(cost: Cost) -> u64 {
    cost.macs + 8 * cost.bytes + 10_000
}

/// How much work may go into one submit. Windows resets a device whose submit takes two seconds, and some drivers for small GPUs after half
/// a second. Where systems do so the slowest devices of each class, with 15 GB/s, stay below half a second with these, although kernels take
/// two to three times what their memory would; elsewhere long submits are worth more than a device of that kind.
pub(super) fn submit_budget(class: DeviceClass) -> u64 {
    match class {
        DeviceClass::Discrete if cfg!(any(windows, target_vendor = "apple")) => 20_000_000_000,
        DeviceClass::Discrete => 200_000_000_000,
        DeviceClass::Integrated => 10_000_000_000,
        DeviceClass::Software => 1_500_000_000,
    }
}
