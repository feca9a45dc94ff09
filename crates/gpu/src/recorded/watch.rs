//! What watched kernels have reported.

use super::bounds::{OWN, ROW};
use crate::pipeline::Recipe;
use crate::{Buffer, Gpu, GpuError, Kernel};
use std::sync::{Mutex, PoisonError};

/// Parts of the report, one for each pipeline: more than a run has.
const PARTS: u64 = 1 << 14;

/// Bytes of a part, of which a kernel writes the first [`ROW`] words: wherever one begins, every device lets it be bound (Vulkan 1.3, "Required
/// Limits", `minStorageBufferOffsetAlignment`).
pub(super) const PART: u64 = 256;

/// Its words.
const WORDS: usize = PART as usize / 4;

/// The report of a device whose kernels are watched, see [`super::bounds`].
#[derive(Debug)]
pub(crate) struct Watch {
    pub buffer: Buffer,
    rows: Mutex<Vec<Row>>,
}

#[derive(Debug)]
struct Row {
    kernel: &'static Kernel,
    constants: String,
    /// What has been told already.
    told: [u32; ROW as usize],
}

impl Watch {
    /// An empty report in a buffer of `device`.
    pub fn of(device: &wgpu::Device) -> Self {
        // What is mapped at first is full of zeros, and said to be by the next submit.
        let raw = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("the report of watched kernels"),
            size: PARTS * PART,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        });
        raw.unmap();
        Self { buffer: Buffer::from(raw), rows: Mutex::default() }
    }

    /// The part of a new pipeline: the number of its first byte. That lies in no kernel's text, so that drivers know a text again.
    ///
    /// # Errors
    /// That there are too many.
    pub fn part(&self, recipe: &Recipe) -> Result<u64, String> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let number = rows.len() as u64;
        if number == PARTS {
            return Err(format!("no more than {PARTS} kernels can be watched in one run"));
        }
        let constants = recipe.constants_text(" ", ", ");
        rows.push(Row { kernel: recipe.kernel, constants, told: [0; ROW as usize] });
        Ok(number * PART)
    }

    /// What has been found so far and not been told, a line for each kernel and what it reached into.
    pub async fn found(&self, gpu: &Gpu) -> Result<Vec<String>, GpuError> {
        let count = self.rows.lock().unwrap_or_else(PoisonError::into_inner).len();
        let words: Vec<u32> = gpu.begin_read(&self.buffer, 0, count * WORDS).await?.finish_alone(gpu).await?;
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        for (row, words) in rows.iter_mut().zip(words.chunks_exact(WORDS)) {
            for (slot, &elements) in words.iter().take(ROW as usize).enumerate() {
                if elements > row.told[slot] {
                    row.told[slot] = elements;
                    lines.push(row.line(slot as u32, elements));
                }
            }
        }
        Ok(lines)
    }
}

impl Row {
    fn line(&self, slot: u32, elements: u32) -> String {
        let Self { kernel, constants, .. } = self;
        let binding = kernel.bindings.iter().find(|binding| binding.index == slot && slot != OWN);
        let what = binding.map_or("an array of its own".into(), |binding| format!("`{}`", binding.name));
        format!("{} ({constants}) reached {elements} elements beyond {what}", kernel.name)
    }
}
