//! Submitting work to a device, and waiting for it.

use crate::device::lock;
use crate::{Gpu, GpuError};
use std::time::Instant;

impl Gpu {
    /// Submits command buffers, and waits for older ones where too many are under way:
    /// commands and staging memory of unbounded work would pile up.
    pub(crate) fn submit(
        &self,
        commands: impl IntoIterator<Item = wgpu::CommandBuffer>,
    ) -> Result<(), GpuError> {
        const MAX_IN_FLIGHT: usize = 4;
        let index = self.queue.submit(commands);
        let mut too_many = {
            let mut in_flight = lock(&self.in_flight);
            in_flight.push_back(index);
            let count = in_flight.len().saturating_sub(MAX_IN_FLIGHT);
            in_flight.drain(..count).collect::<Vec<_>>()
        };
        // The last of them ends after the others. Waiting calls what was asked for with `when_done`, which may submit as well.
        if let Some(last) = too_many.pop() {
            self.wait_for(last)?;
        }
        self.check()
    }

    /// Nanoseconds from submitting what `commands` encodes, alone, to its end, encoding included.
    pub(crate) fn time_alone(
        &self,
        commands: impl FnOnce() -> Result<wgpu::CommandBuffer, GpuError>,
    ) -> Result<f64, GpuError> {
        self.wait()?;
        let start = Instant::now();
        self.submit([commands()?])?;
        self.wait()?;
        Ok(start.elapsed().as_nanos() as f64)
    }

    /// Waits until all submitted work is done. On the web this returns at once.
    ///
    /// # Errors
    /// [`GpuError::Lost`] when the device goes away meanwhile.
    pub fn wait(&self) -> Result<(), GpuError> {
        lock(&self.in_flight).clear();
        self.poll(wgpu::PollType::wait_indefinitely())?;
        self.check()
    }

    /// Whether all submitted work is done, without waiting for it. Not known on the web.
    ///
    /// # Errors
    /// A lost device.
    pub fn is_idle(&self) -> Result<bool, GpuError> {
        Ok(self.poll(wgpu::PollType::Poll)?.is_queue_empty())
    }

    /// Calls `done` when all work submitted so far is done; natively that is noticed while waiting or reading.
    pub fn when_done(&self, done: impl FnOnce() + Send + 'static) {
        self.queue.on_submitted_work_done(done);
    }

    /// Waits for a submit, after which its map callbacks have run. On the web this returns at once, and the browser runs them.
    pub(crate) fn wait_for(&self, submission: wgpu::SubmissionIndex) -> Result<(), GpuError> {
        self.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None })?;
        Ok(())
    }

    fn poll(&self, poll: wgpu::PollType) -> Result<wgpu::PollStatus, GpuError> {
        match self.device.poll(poll) {
            Ok(status) => Ok(status),
            Err(e) => Err(self.check().err().unwrap_or_else(|| GpuError::Lost { reason: e.to_string() })),
        }
    }
}
