//! What a run says of itself: lines of the log, photos that were left out, divergence.

use super::Run;
use crate::TrainError;
use crate::dataset::count;
use crate::journal::Event;
use crate::shared::scores::{merge, scores};
use crate::trainer::progress::{Clock, Place};
use photonet_model::PendingMetrics;
use photonet_nn::Metrics;

/// A line of the log whose counters are on their way.
pub(super) struct Report {
    pub metrics: PendingMetrics,
    pub steps: u64,
    pub place: Place,
    pub lr: f64,
}

impl Run<'_> {
    /// Writes the log's line on some steps, and adds their counters to `total`.
    pub(super) async fn report(
        &mut self,
        report: Report,
        clock: &mut Clock,
        total: &mut Metrics,
    ) -> Result<(), TrainError> {
        let Report { metrics, steps, place, lr } = report;
        let metrics = self.sound(metrics.finish().await?)?;
        merge(total, &metrics);
        // As PaddleClas does, which steps its schedule before it logs, and whose meters begin anew with each epoch.
        let (scores, name) = (scores(total, &self.train_topk), self.schedule.log_name());
        let event = clock.report(steps, place, scores, metrics.images, lr, name);
        Ok(self.journal.event(&Event::TrainStep(event))?)
    }

    /// Stops a run whose counters say that it has diverged.
    pub(super) fn sound(&mut self, metrics: Metrics) -> Result<Metrics, TrainError> {
        if metrics.bad > 0 {
            return Err(self.diverged("the loss".into(), u64::from(metrics.bad_step)));
        }
        Ok(metrics)
    }

    pub(super) fn diverged(&mut self, what: String, step: u64) -> TrainError {
        self.end_saving();
        let kept = match &self.last_good {
            Some(folder) => format!(". The last good checkpoint is {}", folder.display()),
            None => ". No epoch was finished before".into(),
        };
        let advice = self.config.calmer_rate();
        let epoch = (step / self.steps_per_epoch) as u32 + 1;
        let error = TrainError::Diverged { what, step, epoch, advice, kept };
        // The error itself is what the caller gets; the log only repeats it.
        let _ = self.journal.event(&Event::warning(error.to_string()));
        error
    }

    /// Names the unreadable photos that were met since the last time.
    pub(super) fn report_skipped(&mut self) -> Result<(), TrainError> {
        let mut skipped = [self.train_loader.report().skipped, self.val_loader.report().skipped].concat();
        skipped.retain(|(path, _)| self.told.insert(path.clone()));
        if skipped.is_empty() {
            return Ok(());
        }
        let photos = count(skipped.len(), "photo", "photos");
        let were = if skipped.len() == 1 { "was" } else { "were" };
        let text = format!("{photos} could not be read and {were} left out:");
        self.journal.event(&Event::warning(text))?;
        for (path, reason) in &skipped {
            self.journal.event(&Event::warning(format!("{}: {reason}", path.display())))?;
        }
        Ok(())
    }
}
