//! What a session's model is worth, and the best one so far.

use super::{Evaluated, Session};
use crate::TrainError;
use crate::evaluate::{Evaluation, Tally, fill};
use crate::shared::scores::{Standing, scores};
use photonet_model::{Model, TestVector};
use photonet_vision::Rgb;

/// The best of the models that were evaluated.
pub(super) struct Best {
    pub standing: Standing,
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
        let found = Standing { accuracy: scores.topk[0].1, epoch, loss: Some(scores.loss) };
        let best = self.best.as_ref().map(|best| best.standing);
        self.stale = if found.improves(best) { 0 } else { self.stale + 1 };
        if found.beats(best) {
            let mut model = Model { weights, ..self.template.clone() };
            model.facts.epochs = epoch;
            model.facts.top1 = scores.topk.iter().find(|(k, _)| *k == 1).map(|(_, share)| *share);
            model.test_vectors = vec![TestVector::of(&self.eval_network).await?];
            let evaluation = tally.finish(&self.template.labels, &self.held, Vec::new());
            self.best = Some(Best { standing: found, model, evaluation });
        }
        let best = self.best.as_ref().map_or(found, |best| best.standing);
        Ok(Evaluated { scores, best: best.accuracy, best_epoch: best.epoch })
    }
}
