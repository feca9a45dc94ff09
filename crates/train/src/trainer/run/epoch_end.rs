//! What follows an epoch: evaluation, the best model, checkpoints.

use super::{BEST, BEST_AVERAGE, LATEST, Run};
use crate::TrainError;
use crate::checkpoint::{Checkpoint, State};
use crate::dataset::count as words;
use crate::evaluate::count;
use crate::journal::{EvalStep, Event, Scores};
use crate::shared::scores::{Standing, merge, scores};
use photonet_model::{Model, TestVector};
use photonet_nn::Metrics;
use std::time::{Duration, Instant};

impl Run<'_> {
    /// Evaluates after an epoch (from 1), and begins to save.
    pub(super) async fn finish_epoch(&mut self, epoch: u32, last: bool) -> Result<(), TrainError> {
        let global = &self.config.global;
        let due = epoch >= global.start_eval_epoch && epoch.is_multiple_of(global.eval_interval.max(1));
        let evaluates = global.eval_during_train && (due || last);
        let mut folders = Vec::new();
        let mut checkpoint = self.checkpoint().await?;
        if evaluates {
            let (found, scores) = self.measure(epoch, &mut checkpoint.model).await?;
            self.last_metric = Some(found.accuracy);
            self.journal.event(&Event::EvalEpoch { epoch, scores })?;
            // One that only --stop-after asked for would make a resumed run another than a whole one.
            self.stale = if found.improves(self.best) { 0 } else { self.stale + u32::from(due) };
            if found.beats(self.best) {
                self.best = Some(found);
                folders.push(BEST.into());
            }
            let metric = self.best.unwrap_or(found).accuracy;
            self.journal.event(&Event::Best { epoch, metric })?;
            (checkpoint.state.best, checkpoint.state.stale) = (self.best, self.stale);
        }
        if let Some(average) = checkpoint.average.as_mut().filter(|_| evaluates) {
            let (found, scores) = self.measure(epoch, average).await?;
            self.journal.event(&Event::EvalAverage { epoch, scores })?;
            if found.beats(self.best_average) {
                self.best_average = Some(found);
                folders.push(BEST_AVERAGE.into());
            }
            let metric = self.best_average.unwrap_or(found).accuracy;
            self.journal.event(&Event::BestAverage { epoch, metric })?;
            checkpoint.state.best_average = self.best_average;
        }
        if epoch.is_multiple_of(self.config.global.save_interval.max(1)) {
            folders.push(format!("epoch_{epoch}"));
        }
        folders.push(LATEST.into());
        self.save(checkpoint, folders)?;
        self.report_skipped()
    }

    /// Evaluates `model` after an epoch, and notes in it what was found; what decides, and all scores.
    async fn measure(&mut self, epoch: u32, model: &mut Model) -> Result<(Standing, Scores), TrainError> {
        self.eval_network.set_weights(&model.weights)?;
        let scores = self.evaluate(epoch).await?;
        let (_, accuracy) = scores.topk[0];
        model.facts.val_images -= self.val_loader.report().skipped.len();
        model.facts.top1 = scores.topk.iter().find(|(k, _)| *k == 1).map(|(_, share)| *share);
        model.test_vectors = vec![TestVector::of(&self.eval_network).await?];
        Ok((Standing { accuracy, epoch, loss: Some(scores.loss) }, scores))
    }

    /// The patience of a run that is to end before its last epoch, as its accuracy has not improved for so long.
    pub(super) fn impatient(&self) -> Option<u32> {
        let global = &self.config.global;
        let ended = self.step >= u64::from(global.epochs) * self.steps_per_epoch;
        global.out_of_patience(self.stale).filter(|_| !ended)
    }

    /// Says that the run ends early, if it does.
    pub(super) fn tell_impatience(&mut self) -> Result<(), TrainError> {
        let (Some(patience), Some(best)) = (self.impatient(), self.best) else { return Ok(()) };
        let k = self.eval_topk[0];
        Ok(self.journal.event(&Event::note(format!(
            "top-{k} has not risen above {:.4} for {}, the run's patience: it ends after {} of {} epochs",
            best.accuracy,
            words(patience as usize, "evaluation", "evaluations"),
            self.step / self.steps_per_epoch,
            self.config.global.epochs
        )))?)
    }

    fn nothing_to_evaluate(&self) -> TrainError {
        let skipped = self.val_loader.report().skipped;
        let first = skipped.first().map(|(path, reason)| format!("{}: {reason}", path.display()));
        TrainError::Request(format!(
            "none of the {} validation photos can be read; the first, {}. Give others, or train without \
             evaluation by -o Global.eval_during_train=False",
            skipped.len(),
            first.unwrap_or_default()
        ))
    }

    /// Counts the validation photos with the weights that were set last. A loss that is not finite is an error, so that no
    /// such state is saved.
    async fn evaluate(&mut self, epoch: u32) -> Result<Scores, TrainError> {
        let Self { eval_network, val_loader, journal, eval_topk, .. } = self;
        let interval = self.config.global.print_batch_step.max(1) as usize;
        let iters = val_loader.steps_per_epoch() as u64;
        let mut total = Metrics::default();
        let (mut clock, mut before) = (Instant::now(), 0);
        let tell = |done: usize, metrics: &Metrics, waited: Duration| {
            merge(&mut total, metrics);
            let seconds = clock.elapsed().as_secs_f64();
            let steps = (done - before).max(1) as f64;
            let event = EvalStep {
                epoch,
                iter: done as u64 - 1,
                iters,
                scores: scores(metrics, eval_topk),
                batch_cost: seconds / steps,
                reader_cost: waited.as_secs_f64() / steps,
                ips: f64::from(metrics.images) / seconds.max(1e-9),
            };
            (clock, before) = (Instant::now(), done);
            Ok(journal.event(&Event::EvalStep(event))?)
        };
        count(eval_network, val_loader, interval, tell).await?;
        if total.images == 0 {
            return Err(self.nothing_to_evaluate());
        }
        let scores = scores(&total, &self.eval_topk);
        if total.bad > 0 || !scores.loss.is_finite() {
            return Err(self.diverged("the loss of evaluation".into(), self.step.saturating_sub(1)));
        }
        Ok(scores)
    }

    /// The run as it stands now. Weights that are not finite are an error, so that they are never saved.
    pub(super) async fn checkpoint(&mut self) -> Result<Checkpoint, TrainError> {
        let metrics = self.buffers.take_metrics().await?;
        self.sound(metrics)?;
        let weights = self.buffers.weights().await?;
        let slots = self.buffers.slots().await?;
        let average = self.buffers.averages().await?;
        let all = slots.iter().map(|(slot, tensors)| (format!("{slot} of"), tensors));
        let averages = average.iter().map(|tensors| ("average of".to_owned(), tensors));
        for (kind, tensors) in std::iter::once(("weight".to_owned(), &weights)).chain(all).chain(averages) {
            if let Some(name) = tensors.first_not_finite() {
                return Err(self.diverged(format!("the {kind} {name}"), self.step.saturating_sub(1)));
            }
        }
        let model = |weights| {
            let mut model = Model { weights, ..self.template.clone() };
            model.facts.train_images -= self.unreadable.len();
            model.facts.epochs = (self.step / self.steps_per_epoch) as u32;
            model
        };
        let (model, average) = (model(weights), average.map(model));
        let state = State {
            step: self.step,
            steps_per_epoch: self.steps_per_epoch,
            best: self.best,
            stale: self.stale,
            best_average: self.best_average,
            seed: self.config.global.seed,
            train_images: self.template.facts.train_images,
            unreadable: self.unreadable.iter().copied().collect(),
            config: self.config.to_yaml(),
            optimiser: self.config.optimizer.method.name().into(),
            update_freq: self.config.global.update_freq,
        };
        Ok(Checkpoint { model, slots, average, state })
    }
}
