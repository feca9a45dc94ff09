//! What a run says of itself: lines of the log, photos that were left out, divergence.

use super::Run;
use crate::TrainError;
use crate::dataset::count;
use crate::journal::Event;
use crate::shared::scores::{merge, scores};
use crate::trainer::progress::{Clock, Place};
use photonet_model::PendingMetrics;
use photonet_nn::Metrics;
use std::path::PathBuf;

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
            // Its weights may lead nowhere already: that they are numbers is all that is known.
            Some(folder) => format!(". The last checkpoint with finite weights is {}", folder.display()),
            None => ". No epoch was finished before".into(),
        };
        let advice = self.config.calmer_rate();
        let epoch = (step / self.steps_per_epoch) as u32 + 1;
        let error = TrainError::Diverged { what, step, epoch, advice, kept };
        // The error itself is what the caller gets and shows; the log only repeats it.
        let _ = self.journal.log(&Event::warning(error.to_string()));
        error
    }

    /// Names the unreadable photos that were met since the last time, and what was counted with them.
    pub(super) fn report_skipped(&mut self) -> Result<(), TrainError> {
        let mut met = |skipped: Vec<(PathBuf, String)>| -> Vec<(PathBuf, String)> {
            skipped.into_iter().filter(|(path, _)| self.told.insert(path.clone())).collect()
        };
        let trained = met(self.train_loader.report().skipped);
        let evaluated = met(self.val_loader.report().skipped);
        let of_training = trained.len();
        for event in left_out(&[trained, evaluated].concat()) {
            self.journal.event(&event)?;
        }
        if of_training > 0 {
            let (them, places) =
                if of_training == 1 { ("it", "its place") } else { ("them", "their places") };
            let weights = match self.options.class_weights {
                Some(_) => " and the weights of the classes",
                None => "",
            };
            let text = format!(
                "the numbers of photos{weights} above were made with {}, and other photos are shown in {places}: remove or \
                 replace {them} before the next run; `photonet data` names all that cannot be read",
                match of_training {
                    1 => "the one of training among these".to_owned(),
                    n => format!("the {n} of training among these"),
                }
            );
            self.journal.event(&Event::warning(text))?;
        }
        Ok(())
    }
}

/// Names photos that were left out as they cannot be read; empty where there are none.
pub(super) fn left_out(skipped: &[(PathBuf, String)]) -> Vec<Event> {
    if skipped.is_empty() {
        return Vec::new();
    }
    let photos = count(skipped.len(), "photo", "photos");
    let were = if skipped.len() == 1 { "was" } else { "were" };
    let text = format!("{photos} could not be read and {were} left out:");
    let named = skipped.iter().map(|(path, reason)| format!("{}: {reason}", path.display()));
    std::iter::once(text).chain(named).map(Event::warning).collect()
}
