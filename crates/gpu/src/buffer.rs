//! Buffers that outlive a plan, and reading them back.

use crate::{Gpu, GpuError};
use bytemuck::Pod;
use futures_channel::oneshot;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// A storage buffer on the device. Cloning shares it; its memory is free when the last one is gone and the device is done with it.
#[derive(Clone, Debug)]
pub struct Buffer {
    pub(crate) raw: Arc<Raw>,
}

impl From<wgpu::Buffer> for Buffer {
    fn from(raw: wgpu::Buffer) -> Self {
        Self { raw: Arc::new(Raw(raw)) }
    }
}

/// A buffer of wgpu's, freed when it is dropped.
#[derive(Debug)]
pub(crate) struct Raw(wgpu::Buffer);

impl Deref for Raw {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        &self.0
    }
}

#[cfg(target_arch = "wasm32")]
impl Drop for Raw {
    fn drop(&mut self) {
        // In a browser a dropped buffer lives until the garbage collector comes, to which it looks small.
        self.0.destroy();
    }
}

impl Buffer {
    /// Size in bytes, a multiple of 4.
    pub fn bytes(&self) -> u64 {
        self.raw.size()
    }
}

impl Gpu {
    /// Creates a zeroed storage buffer of at least `bytes`.
    ///
    /// # Errors
    /// [`GpuError::TooLarge`] above the device's limit, [`GpuError::OutOfMemory`] when it is full.
    pub async fn buffer(&self, label: &str, bytes: u64) -> Result<Buffer, GpuError> {
        let size = bytes.next_multiple_of(16).max(16);
        let limit = self.binding_limit();
        if size > limit {
            return Err(GpuError::TooLarge { label: label.into(), bytes: size, limit });
        }
        let raw = self
            .guarded(label, |device| {
                let raw = device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some(label),
                    size,
                    usage: wgpu::BufferUsages::STORAGE
                        | wgpu::BufferUsages::UNIFORM
                        | wgpu::BufferUsages::COPY_DST
                        | wgpu::BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                });
                if self.records() {
                    // wgpu fills a buffer with zeros when it first sees a use of it, which may be after recorded launches have
                    // written it.
                    let mut encoder =
                        device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                    encoder.clear_buffer(&raw, 0, None);
                    self.queue.submit([encoder.finish()]);
                }
                raw
            })
            .await?;
        self.count_bytes(size);
        Ok(raw.into())
    }

    /// Creates a storage buffer holding `data`.
    ///
    /// # Errors
    /// As [`Gpu::buffer`].
    pub async fn buffer_with<T: Pod>(&self, label: &str, data: &[T]) -> Result<Buffer, GpuError> {
        let buffer = self.buffer(label, size_of_val(data) as u64).await?;
        self.write(&buffer, 0, data);
        Ok(buffer)
    }

    /// Writes `data` at `offset` bytes before the next submit. Both must be multiples of 4 bytes;
    /// what does not fit the buffer is [`GpuError::Submitted`] at the next [`Gpu::check`].
    pub fn write<T: Pod>(&self, buffer: &Buffer, offset: u64, data: &[T]) {
        self.queue.write_buffer(&buffer.raw, offset, bytemuck::cast_slice(data));
    }

    /// Reads `count` values at `offset` bytes, after all submitted work.
    ///
    /// # Errors
    /// A lost device, or a driver that cannot map.
    pub async fn read<T: Pod>(&self, buffer: &Buffer, offset: u64, count: usize) -> Result<Vec<T>, GpuError> {
        self.begin_read(buffer, offset, count).await?.finish(self).await
    }

    /// Begins to read `count` values at `offset` bytes, as they are after all submitted work. What is submitted later
    /// does not wait for them to arrive, nor they for it.
    ///
    /// # Errors
    /// A lost device, or one without memory.
    pub async fn begin_read<T: Pod>(
        &self,
        buffer: &Buffer,
        offset: u64,
        count: usize,
    ) -> Result<Reading<T>, GpuError> {
        self.check()?;
        let bytes = (count * size_of::<T>()) as u64;
        let padded = bytes.next_multiple_of(4);
        if padded == 0 {
            return Ok(Reading { copy: None, count, values: PhantomData });
        }
        let staging = self
            .guarded("a read-back buffer", |device| {
                Raw(device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("read-back"),
                    size: padded,
                    usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
                    mapped_at_creation: false,
                }))
            })
            .await?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(&buffer.raw, offset, &staging, 0, padded);
        let submission = self.queue.submit([encoder.finish()]);
        let (sender, mapped) = oneshot::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            // A receiver that is gone means that the caller gave up waiting: nothing to tell it.
            let _ = sender.send(result);
        });
        Ok(Reading { copy: Some(Transfer { staging, submission, mapped }), count, values: PhantomData })
    }
}

/// Values on their way from the device, see [`Gpu::begin_read`].
#[derive(Debug)]
#[must_use]
pub struct Reading<T> {
    /// `None` where nothing was asked for.
    copy: Option<Transfer>,
    count: usize,
    values: PhantomData<T>,
}

#[derive(Debug)]
struct Transfer {
    staging: Raw,
    submission: wgpu::SubmissionIndex,
    mapped: oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>,
}

impl<T: Pod> Reading<T> {
    /// Waits for the values, and for nothing that was submitted after them.
    ///
    /// # Errors
    /// A lost device, a driver that cannot map, or what [`Gpu::beyond`] has found.
    pub async fn finish(self, gpu: &Gpu) -> Result<Vec<T>, GpuError> {
        let values = self.finish_alone(gpu).await?;
        match gpu.beyond().await?.as_slice() {
            [] => Ok(values),
            found => Err(GpuError::Beyond(found.join("; "))),
        }
    }

    /// The same, whatever watched kernels have found.
    pub(crate) async fn finish_alone(self, gpu: &Gpu) -> Result<Vec<T>, GpuError> {
        let mut values = vec![T::zeroed(); self.count];
        let Some(Transfer { staging, submission, mapped }) = self.copy else { return Ok(values) };
        gpu.wait_for(submission)?;
        #[cfg(target_arch = "wasm32")]
        let mapped = crate::web::attended(gpu, mapped);
        mapped
            .await
            .map_err(|e| GpuError::ReadBack(e.to_string()))?
            .map_err(|e| gpu.check().err().unwrap_or_else(|| GpuError::ReadBack(e.to_string())))?;
        let view = staging.get_mapped_range(..).map_err(|e| GpuError::ReadBack(e.to_string()))?;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut values);
        bytes.copy_from_slice(&view[..bytes.len()]);
        drop(view);
        gpu.check()?;
        Ok(values)
    }
}
