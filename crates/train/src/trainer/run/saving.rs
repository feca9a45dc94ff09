//! Models and checkpoints on their way to the disk, which a thread writes while the next epoch is trained.

use super::{BEST, BEST_AVERAGE, Run};
use crate::TrainError;
use crate::checkpoint::{Checkpoint, save_model};
use crate::journal::Event;
use crossbeam_channel::{Receiver, unbounded};
use std::path::PathBuf;
use std::thread::{Builder, JoinHandle};

/// What is being saved.
#[derive(Default)]
pub(super) struct Saving(Option<Writer>);

struct Writer {
    thread: JoinHandle<()>,
    /// Each path once it is on the disk; nothing follows an error.
    done: Receiver<Result<PathBuf, TrainError>>,
}

impl Drop for Saving {
    /// What has begun is finished, however the run ends.
    fn drop(&mut self) {
        if let Some(writer) = self.0.take() {
            // A panic there has nothing to add to a run that is over.
            let _ = writer.thread.join();
        }
    }
}

impl Run<'_> {
    /// Begins to save `checkpoint` in each of `folders` of the output, in [`BEST`] its model alone, in
    /// [`BEST_AVERAGE`] that of the average. What was being saved
    /// before is finished first.
    pub(super) fn save(&mut self, checkpoint: Checkpoint, folders: Vec<String>) -> Result<(), TrainError> {
        self.wait_until_saved()?;
        let paths: Vec<_> = folders.iter().map(|folder| self.output.join(folder)).collect();
        let (report, done) = unbounded();
        let work = move || {
            for path in paths {
                let saved = match &checkpoint.average {
                    _ if path.ends_with(BEST) => save_model(&path, &checkpoint.model),
                    Some(average) if path.ends_with(BEST_AVERAGE) => save_model(&path, average),
                    _ => checkpoint.save(&path),
                };
                let failed = saved.is_err();
                // A run that is over does not listen.
                if report.send(saved.map(|()| path)).is_err() || failed {
                    return;
                }
            }
        };
        let thread = Builder::new().name("saving".into()).spawn(work);
        let thread = thread.map_err(|source| TrainError::Io {
            action: "start a thread to write",
            path: self.output.to_path_buf(),
            source,
        })?;
        self.saving = Saving(Some(Writer { thread, done }));
        Ok(())
    }

    /// Tells what has been saved meanwhile.
    ///
    /// # Errors
    /// What could not be saved.
    pub(super) fn tell_saved(&mut self) -> Result<(), TrainError> {
        let Some(writer) = &self.saving.0 else { return Ok(()) };
        for saved in writer.done.try_iter().collect::<Vec<_>>() {
            self.was_saved(saved?)?;
        }
        Ok(())
    }

    /// Waits until all is saved, and tells it.
    ///
    /// # Errors
    /// What could not be saved.
    pub(super) fn wait_until_saved(&mut self) -> Result<(), TrainError> {
        let Some(Writer { thread, done }) = self.saving.0.take() else { return Ok(()) };
        let all: Vec<_> = done.iter().collect();
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
        all.into_iter().try_for_each(|saved| self.was_saved(saved?))
    }

    /// Waits as well where the run ends by another error, which is the one to report; the log has what was saved and what
    /// was not.
    pub(super) fn end_saving(&mut self) {
        if let Err(error) = self.wait_until_saved() {
            // Where even the log cannot be written there is nobody left to tell.
            let _ = self.journal.event(&Event::warning(error.to_string()));
        }
    }

    fn was_saved(&mut self, path: PathBuf) -> Result<(), TrainError> {
        if ![BEST, BEST_AVERAGE].iter().any(|best| path.ends_with(best)) {
            self.last_good = Some(path.clone());
        }
        Ok(self.journal.event(&Event::Saved { path })?)
    }
}
