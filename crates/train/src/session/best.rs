//! What a session's model is worth, and the best one so far.

use super::{Evaluated, Session};
use crate::TrainError;
use crate::evaluate::{Evaluation, Tally, fill};
use crate::shared::scores::{is_best, scores};
use photonet_model::{Model, TestVector};
use photonet_vision::Rgb;

/// The best of the models that were evaluated.
pub(super) struct Best {
    pub accuracy: f64,
    loss: f64,
    /// From 1.
    pub epoch: u32,
    pub model: Model,
    pub evaluation: Evaluation,
}

/// Mistakes that an evaluation keeps.
const MISTAKES: usize = 20;

impl Session {
    /// Evaluates behind an epoch (from 1), and keeps the model where it is the best.
    pub(super) async fn evaluate(&mut self, epoch: u32) -> Result<Evaluated, TrainError> {
        let weights = self.buffers.weights().await?;
        if let Some(name) = weights.first_not_finite() {
            return Err(self.diverged(&format!("the weight {name}"), self.done - 1));
        }
        self.eval_network.set_weights(&weights)?;
        self.eval_network.take_metrics().await?;
        let (size, bytes) = (self.eval_network.batch(), self.eval_network.input().image_bytes());
        let mut tally = Tally::new(self.template.labels.len(), &self.topk, MISTAKES);
        for (first, photos) in self.val.chunks(size).enumerate() {
            let samples = (first * size..).zip(&self.held.samples[first * size..]).take(photos.len());
            let mut pixels: Vec<u8> = photos.iter().flat_map(Rgb::data).copied().collect();
            let mut labels: Vec<u32> = samples.clone().map(|(_, sample)| sample.label).collect();
            fill(&mut pixels, &mut labels, size, bytes);
            self.eval_network.run(&pixels, &labels)?;
            let logits = self.eval_network.logits().await?;
            samples
                .zip(&logits)
                .for_each(|((index, sample), row)| tally.add(row, sample.label, index as u32));
        }
        let metrics = self.eval_network.take_metrics().await?;
        let scores = scores(&metrics, &self.topk);
        if metrics.bad > 0 || !scores.loss.is_finite() {
            return Err(self.diverged("the loss of evaluation", self.done - 1));
        }
        let (_, accuracy) = scores.topk[0];
        let improved = self.best.as_ref().is_none_or(|best| accuracy > best.accuracy);
        self.stale = if improved { 0 } else { self.stale + 1 };
        let loss = scores.loss;
        if is_best(accuracy, loss, self.best.as_ref().map(|best| (best.accuracy, Some(best.loss)))) {
            let mut model = Model { weights, ..self.template.clone() };
            model.facts.epochs = epoch;
            model.facts.top1 = scores.topk.iter().find(|(k, _)| *k == 1).map(|(_, share)| *share);
            model.test_vectors = vec![TestVector::of(&self.eval_network).await?];
            let evaluation = tally.finish(&self.template.labels, &self.held, Vec::new());
            self.best = Some(Best { accuracy, loss, epoch, model, evaluation });
        }
        let (best, best_epoch) = self.best.as_ref().map_or((accuracy, epoch), |b| (b.accuracy, b.epoch));
        Ok(Evaluated { scores, best, best_epoch })
    }
}
