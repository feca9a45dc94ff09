//! How the launches of a plan get to the device: encoded by wgpu for every run, or recorded once.

use super::Cost;
use super::order::{self, Ordered, Use};
use super::run::{Launches, Step, pieces, weight};
use crate::pipeline::Pipeline;
use crate::recorded::{Launch, Recording, Shared};
use crate::{Access, Binding, Buffer, Gpu, GpuError};
use std::sync::Arc;

/// What a launch binds: the buffer, and the first and the number of its bytes.
pub(super) type Bound<'a> = Vec<(&'static Binding, &'a Buffer, u64, u64)>;

/// Makes the bind groups of launches that wgpu encodes.
///
/// # Errors
/// What the driver refuses.
pub(super) async fn encoded(
    gpu: &Gpu,
    steps: &[Step],
    pipelines: &[Arc<Pipeline>],
    bound: &[Bound<'_>],
) -> Result<Launches, GpuError> {
    let bind = |device: &wgpu::Device, step: &Step, pipeline: &Arc<Pipeline>, bound: &Bound<'_>| {
        let Pipeline::Encoded { raw, layout } = &**pipeline else { return None };
        let entries: Vec<wgpu::BindGroupEntry<'_>> = bound
            .iter()
            .map(|&(binding, buffer, offset, bytes)| wgpu::BindGroupEntry {
                binding: binding.index,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &buffer.raw,
                    offset,
                    size: std::num::NonZeroU64::new(bytes),
                }),
            })
            .collect();
        let descriptor = wgpu::BindGroupDescriptor { label: Some(&step.label), layout, entries: &entries };
        Some((raw.clone(), device.create_bind_group(&descriptor)))
    };
    // Together: in a page every question whether something failed is a way to another process and back.
    let launches = gpu
        .guarded("the plan's bindings", |device| {
            let launches = steps.iter().zip(pipelines).zip(bound);
            launches.filter_map(|((step, pipeline), bound)| bind(device, step, pipeline, bound)).collect()
        })
        .await?;
    Ok(Launches::Encoded(launches))
}

/// Records launches; says how many phases and how many submits there are as well.
///
/// # Errors
/// What the driver refuses, and a launch that writes what it binds a second time.
pub(super) fn record(
    gpu: &Gpu,
    vulkan: &Shared,
    steps: &[Step],
    pipelines: &[Arc<Pipeline>],
    bound: &[Bound<'_>],
) -> Result<(Launches, usize, usize), GpuError> {
    let ordered: Vec<Ordered> = steps
        .iter()
        .zip(bound)
        .map(|(step, bound)| Ordered {
            weight: weight(step.cost),
            uses: bound
                .iter()
                .map(|&(binding, buffer, start, bytes)| Use {
                    // One number for all clones of a buffer.
                    buffer: Arc::as_ptr(&buffer.raw) as usize,
                    bytes: start..start + bytes,
                    written: binding.access == Access::ReadWrite,
                })
                .collect(),
        })
        .collect();
    // By tensors this is checked for every plan; two of them may be one buffer.
    if let Some((step, _)) = steps.iter().zip(&ordered).find(|(_, launch)| launch.conflicts()) {
        let reason = format!("'{}' writes a range of a buffer that it binds a second time", step.label);
        return Err(GpuError::Driver { what: "the plan's bindings".into(), reason });
    }
    let phases = order::phases(&ordered);
    let count = phases.len();
    // Launches of a phase that are too long for one submit together are cut apart like others.
    let mut phases: Vec<Vec<usize>> = phases.into_iter().flat_map(|phase| cut(gpu, phase, steps)).collect();
    let costs = phases.iter().map(|phase| total(phase.iter().map(|&launch| steps[launch].cost)));
    let pieces: Vec<Vec<Vec<usize>>> =
        pieces(gpu.class(), costs).into_iter().map(|length| phases.drain(..length).collect()).collect();
    let launches: Vec<Launch<'_>> = steps
        .iter()
        .zip(pipelines)
        .zip(bound)
        .map(|((step, pipeline), bound)| Launch {
            label: &step.label,
            pipeline,
            bindings: bound
                .iter()
                .map(|&(binding, buffer, start, bytes)| (binding.index, buffer, start, bytes))
                .collect(),
            grid: step.grid,
        })
        .collect();
    Ok((Launches::Recorded(Recording::new(vulkan, &launches, &pieces)?), count, pieces.len()))
}

/// A phase in parts, none of which is above what one submit may hold unless it is one launch.
fn cut(gpu: &Gpu, mut phase: Vec<usize>, steps: &[Step]) -> Vec<Vec<usize>> {
    let lengths = pieces(gpu.class(), phase.iter().map(|&launch| steps[launch].cost));
    lengths.into_iter().map(|length| phase.drain(..length).collect()).collect()
}

/// What launches cost together.
fn total(costs: impl Iterator<Item = Cost>) -> Cost {
    costs
        .fold(Cost::default(), |sum, cost| Cost { macs: sum.macs + cost.macs, bytes: sum.bytes + cost.bytes })
}
