//! Batches on their way to the device: a thread copies their pixels into its staging memory, so that the one that submits the
//! steps need not.

use crate::loader::{Batch, EpochIter, LoaderError};
use crossbeam_channel::{Receiver, Select, bounded};
use photonet_gpu::{Staged, Staging};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// A batch, and its pixels in staging memory where there is room.
type Fed = Result<(Batch, Option<Staged>), LoaderError>;

/// The batches of an epoch; one is ready while another is taken.
pub(super) struct Feed {
    ready: Option<Receiver<Fed>>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// # Errors
    /// A system that gives no thread.
    pub fn start(batches: EpochIter, staging: Arc<Staging>) -> Result<Self, LoaderError> {
        let (report, ready) = bounded(1);
        let work = move || {
            for batch in batches {
                let fed = batch.map(|batch| {
                    // Without staging memory the step writes the pixels itself, and tells what is wrong with the device.
                    let staged = pollster::block_on(staging.fill(&batch.pixels)).ok();
                    (batch, staged)
                });
                // After an error the epoch ends by itself; without a receiver it was given up.
                if report.send(fed).is_err() {
                    return;
                }
            }
        };
        let thread =
            Builder::new().name("feed".into()).spawn(work).map_err(|e| LoaderError::Thread(e.to_string()))?;
        Ok(Self { ready: Some(ready), thread: Some(thread) })
    }

    /// Waits for the next batch, but not longer than `limit`. Returns whether it is there, or the end is.
    pub fn is_ready_within(&self, limit: Duration) -> bool {
        let Some(ready) = &self.ready else { return true };
        let mut select = Select::new();
        select.recv(ready);
        select.ready_timeout(limit).is_ok()
    }
}

impl Iterator for Feed {
    type Item = Fed;

    fn next(&mut self) -> Option<Fed> {
        if let Ok(fed) = self.ready.as_ref()?.recv() {
            return Some(fed);
        }
        // The end, or a panic, which goes on here as it would have without a thread.
        match self.thread.take()?.join() {
            Ok(()) => None,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Feed {
    /// Stops the thread, which may be waiting to hand over.
    fn drop(&mut self) {
        self.ready = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has nothing to add to an epoch that is over.
            let _ = thread.join();
        }
    }
}
