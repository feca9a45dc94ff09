//! Memory that the host fills for the device while that is busy with something else.

use crate::{Gpu, GpuError};
use std::sync::{Arc, Mutex, PoisonError};

type Free = Arc<Mutex<Vec<wgpu::Buffer>>>;

/// Staging memory, used again and again: as many buffers of one size as are filled or on their way at a time. Unlike
/// [`Gpu::write`] it copies on whatever thread fills it, and the driver is not asked for new memory each time.
#[derive(Debug)]
pub struct Staging {
    gpu: Arc<Gpu>,
    /// Mapped, and done with.
    free: Free,
}

/// Bytes in staging memory, for [`Plan::run_with`](crate::Plan::run_with).
#[derive(Debug)]
pub struct Staged {
    pub(crate) buffer: wgpu::Buffer,
    free: Free,
}

impl Staging {
    /// None yet.
    pub fn new(gpu: &Arc<Gpu>) -> Self {
        Self { gpu: gpu.clone(), free: Free::default() }
    }

    /// Copies `bytes`, followed by zeros up to a multiple of 4.
    ///
    /// # Errors
    /// A device that is lost or has no memory.
    pub async fn fill(&self, bytes: &[u8]) -> Result<Staged, GpuError> {
        let size = bytes.len().next_multiple_of(4).max(4);
        let kept = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.retain(|buffer| buffer.size() == size as u64);
            free.pop()
        };
        let buffer = match kept {
            Some(buffer) => buffer,
            None => self.make(size as u64).await?,
        };
        let refused = |reason: wgpu::MapRangeError| GpuError::Driver {
            what: "staging memory".into(),
            reason: reason.to_string(),
        };
        let mut view = buffer.get_mapped_range_mut(..).map_err(refused)?;
        view.slice(..bytes.len()).copy_from_slice(bytes);
        view.slice(bytes.len()..).copy_from_slice(&[0; 4][..size - bytes.len()]);
        drop(view);
        buffer.unmap();
        Ok(Staged { buffer, free: self.free.clone() })
    }

    async fn make(&self, size: u64) -> Result<wgpu::Buffer, GpuError> {
        let descriptor = wgpu::BufferDescriptor {
            label: Some("staging"),
            size,
            usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        };
        let buffer = self.gpu.guarded("staging memory", |device| device.create_buffer(&descriptor)).await?;
        self.gpu.count_bytes(size);
        Ok(buffer)
    }
}

impl Staged {
    /// Lets the memory be filled again once what was submitted is done.
    pub(crate) fn give_back(self) {
        let Self { buffer, free } = self;
        let mapped = buffer.clone();
        buffer.map_async(wgpu::MapMode::Write, .., move |result| {
            // What cannot be mapped any more belongs to a device that is gone.
            if result.is_ok() {
                free.lock().unwrap_or_else(PoisonError::into_inner).push(mapped);
            }
        });
    }
}
