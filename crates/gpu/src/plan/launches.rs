//! How the launches of a plan get to the device: encoded by wgpu for every run, or recorded once.

use super::Cost;
use super::order::{self, Ordered, Use};
use super::run::{Encoded, Launches, submit_budget, weight};
use crate::pipeline::Pipeline;
use crate::recorded::{Recording, Shared};
use crate::{Access, Binding, Buffer, DeviceClass, Gpu, GpuError};
use std::sync::Arc;

/// One launch, with everything made that it needs.
pub(crate) struct Launch<'a> {
    pub label: &'a str,
    pub pipeline: &'a Arc<Pipeline>,
    /// What it binds: the buffer, and the first and the number of its bytes.
    pub bindings: Vec<(&'static Binding, &'a Buffer, u64, u64)>,
    /// The contents of its uniform.
    #[cfg_attr(not(recordable), expect(dead_code, reason = "wgpu binds it"))]
    pub params: &'a [u8],
    pub grid: (u32, u32),
    pub cost: Cost,
}

/// Makes the bind groups of launches that wgpu encodes.
///
/// # Errors
/// What the driver refuses.
pub(super) async fn encoded(gpu: &Gpu, launches: &[Launch<'_>]) -> Result<Launches, GpuError> {
    let bind = |device: &wgpu::Device, launch: &Launch<'_>| {
        let Pipeline::Encoded { raw, layout } = &**launch.pipeline else { return None };
        let entries: Vec<wgpu::BindGroupEntry<'_>> = launch
            .bindings
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
        let descriptor = wgpu::BindGroupDescriptor { label: Some(launch.label), layout, entries: &entries };
        let bind_group = device.create_bind_group(&descriptor);
        Some((Encoded { pipeline: raw.clone(), bind_group, grid: launch.grid }, launch.cost))
    };
    // Together: in a page every question whether something failed is a way to another process and back.
    let made: Vec<(Encoded, Cost)> = gpu
        .guarded("the plan's bindings", |device| {
            launches.iter().filter_map(|launch| bind(device, launch)).collect()
        })
        .await?;
    Ok(Launches::Encoded(submits(gpu.class(), made)))
}

/// Records launches; says how many phases there are as well.
///
/// # Errors
/// What the driver refuses, and a launch that writes what it binds a second time.
pub(super) fn record(
    gpu: &Gpu,
    vulkan: &Shared,
    launches: &[Launch<'_>],
) -> Result<(Launches, usize), GpuError> {
    let used = |&(binding, buffer, start, bytes): &(&Binding, &Buffer, u64, u64)| Use {
        // One number for all clones of a buffer.
        buffer: Arc::as_ptr(&buffer.raw) as usize,
        bytes: start..start + bytes,
        written: binding.access == Access::ReadWrite,
    };
    let ordered: Vec<Ordered> = launches
        .iter()
        .map(|launch| Ordered {
            weight: weight(launch.cost),
            uses: launch.bindings.iter().map(used).collect(),
        })
        .collect();
    // By tensors this is checked for every plan; two of them may be one buffer.
    if let Some((launch, _)) = launches.iter().zip(&ordered).find(|(_, ordered)| ordered.conflicts()) {
        let reason = format!("'{}' writes a range of a buffer that it binds a second time", launch.label);
        return Err(GpuError::Driver { what: "the plan's bindings".into(), reason });
    }
    let phases = order::phases(&ordered);
    let count = phases.len();
    // Launches of a phase that are too long for one submit together are cut apart like others.
    let cut = |phase: Vec<usize>| {
        submits(gpu.class(), phase.into_iter().map(|launch| (launch, launches[launch].cost)))
    };
    let together = |phase: Vec<usize>| {
        let sum = |sum: Cost, cost: Cost| Cost { macs: sum.macs + cost.macs, bytes: sum.bytes + cost.bytes };
        let cost = phase.iter().map(|&launch| launches[launch].cost).fold(Cost::default(), sum);
        (phase, cost)
    };
    let pieces = submits(gpu.class(), phases.into_iter().flat_map(cut).map(together));
    Ok((Launches::Recorded(Recording::new(vulkan, launches, &pieces)?), count))
}

/// What goes into each submit, of things with their costs: as much as its budget allows, and at least one.
pub(super) fn submits<T>(class: DeviceClass, all: impl IntoIterator<Item = (T, Cost)>) -> Vec<Vec<T>> {
    let (budget, mut submits, mut work) = (submit_budget(class), Vec::<Vec<T>>::new(), 0);
    for (one, cost) in all {
        work += weight(cost);
        match submits.last_mut() {
            Some(submit) if work <= budget => submit.push(one),
            _ => {
                submits.push(vec![one]);
                work = weight(cost);
            }
        }
    }
    submits
}
