//! What a run writes before its first step.

use super::Run;
use crate::TrainError;
use crate::dataset::{Sample, count as words};
use crate::journal::Event;
use photonet_gpu::Gpu;
use photonet_model::write_atomically;
use std::path::{Path, PathBuf};

impl Run<'_> {
    /// Writes the run's configuration and file lists, and says what will happen.
    pub(super) fn prepare_output(mut self, gpu: &Gpu) -> Result<Self, TrainError> {
        // A resume writes over the first run's files, which a full disk must not take away.
        let write = |name: &str, text: String| write_atomically(&self.output.join(name), text.as_bytes());
        write("config.yaml", self.config.to_yaml())?;
        for (name, loader) in [("train_list.txt", &self.train_loader), ("val_list.txt", &self.val_loader)] {
            let samples = &loader.dataset().samples;
            let line = |s: &Sample| format!("{} {}\n", absolute(&s.path).display(), s.label);
            write(name, samples.iter().map(line).collect())?;
        }
        let labels = self.template.labels.iter().enumerate();
        write("label_list.txt", labels.map(|(i, l)| format!("{i} {l}\n")).collect())?;
        let text = format!(
            "{} on {} ({}): {} to train on, {} to evaluate on, {} of {}",
            self.template.architecture,
            gpu.adapter().name,
            gpu.adapter().backend,
            words(self.template.facts.train_images, "photo", "photos"),
            self.template.facts.val_images,
            words(self.config.global.epochs as usize, "epoch", "epochs"),
            words(self.steps_per_epoch as usize, "step", "steps"),
        );
        self.journal.event(&Event::note(text))?;
        if self.step > 0 {
            let (epoch, step) = (self.step / self.steps_per_epoch + 1, self.step % self.steps_per_epoch);
            let at = match step {
                0 => String::new(),
                step => format!(", at step {} of {}", step + 1, self.steps_per_epoch),
            };
            let text = format!("going on with epoch {epoch} of {}{at}", self.config.global.epochs);
            self.journal.event(&Event::note(text))?;
        }
        Ok(self)
    }
}

/// Lists are read from other folders, so their paths do not depend on the present one.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
