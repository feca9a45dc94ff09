//! What a run writes before its first step.

use super::Run;
use crate::TrainError;
use crate::config::significant;
use crate::dataset::{Sample, count as words};
use crate::journal::Event;
use crate::trainer::updates::slow_average;
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
        let optimizer = &self.config.optimizer;
        let text = format!(
            "{} with a learning rate of up to {}{} and a weight decay of {}",
            optimizer.method.name(),
            significant(optimizer.schedule.learning_rate, 6),
            match significant(optimizer.head_lr, 6) {
                1.0 => String::new(),
                factor => format!(", the classifier's {factor} times as high,"),
            },
            significant(optimizer.weight_decay, 6),
        );
        let text = match optimizer.clip_norm {
            None => text,
            Some(norm) => format!("{text}, gradients cut to a norm of {norm} in each tensor"),
        };
        let every = self.config.global.update_freq;
        let text = match every {
            1 => text,
            every => {
                format!("{text}; {every} batches make one update, and the rate changes with the updates")
            }
        };
        self.journal.event(&Event::note(text))?;
        if self.updates.left_out() > 0 {
            let left = words(self.updates.left_out() as usize, "batch is", "batches are");
            self.journal.event(&Event::warning(format!(
                "Global.update_freq is {every}: {left} left out of every epoch, other ones each time, as they make no whole \
                 update",
            )))?;
        }
        let updates = self.updates.per_epoch() * u64::from(self.config.global.epochs);
        if let Some(text) = self.config.ema.and_then(|decay| slow_average(decay, updates)) {
            self.journal.event(&Event::warning(text))?;
        }
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
