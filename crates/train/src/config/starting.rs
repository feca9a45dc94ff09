//! What a run is like where the user said nothing: from scratch, and from a model.

use super::arithmetic::significant;
use super::{Config, OptimizerMethod, Pretrained};
use photonet_model::Model;
use std::path::PathBuf;

/// Batch for which the default learning rate is meant.
const REFERENCE_BATCH: f64 = 32.0;

/// Epochs of a run that starts from a model.
const FINE_TUNING_EPOCHS: u32 = 20;

/// Learning rate of the classifier there in units of that of the rest, which has learned before.
const FINE_TUNING_HEAD: f64 = 5.0;

/// No larger learning rate is advised to a run that has diverged.
const HIGHEST_ADVICE: f64 = 0.05;

impl Config {
    /// The learning rate for batches of so many photos, of a run that starts from a model or from scratch.
    pub fn usual_rate(&self, batch: u32, from_model: bool) -> f64 {
        let method = &self.optimizer.method;
        let rate = if from_model { method.fine_tuning_rate() } else { method.default_rate() };
        rate * f64::from(batch) / REFERENCE_BATCH
    }

    /// The learning rate that is advised to a run that has diverged: lower than its own, and no higher than the usual one.
    pub(crate) fn calmer_rate(&self) -> f64 {
        let usual =
            self.usual_rate(self.train.batch_size, self.given_weights().is_some()).min(HIGHEST_ADVICE);
        significant((self.optimizer.schedule.learning_rate / 10.0).min(usual), 3)
    }

    /// The model to start from. PaddleClas loads `Arch.pretrained` first and `Global.pretrained_model` over it.
    pub(crate) fn given_weights(&self) -> Option<&PathBuf> {
        match (&self.global.pretrained_model, &self.arch.pretrained) {
            (Some(path), _) | (None, Pretrained::Path(path)) => Some(path),
            (None, Pretrained::No | Pretrained::Yes) => None,
        }
    }

    /// Sets what a run that starts from a model is usually like, where nothing else is given: fewer epochs, AdamW, with
    /// it a head that learns faster, and the model's statistics in its normalisations. The learning rate is left as it is.
    ///
    /// What channels of ImageNet weights are multiplied by differs by orders of magnitude, and with it their gradients; AdamW
    /// moves each weight by about the learning rate, whatever its gradient. Statistics of few photos say little of the next
    /// ones. docs/performance.md has what comes of both.
    pub fn set_fine_tuning(&mut self) {
        if !self.gives("Global.epochs") {
            self.set_epochs(FINE_TUNING_EPOCHS);
        }
        if !self.gives("Optimizer") {
            self.optimizer.method = OptimizerMethod::FINE_TUNING;
            self.optimizer.weight_decay = self.optimizer.method.default_decay();
        }
        if self.optimizer.method.is_adaptive() && !self.gives("Optimizer.head_lr") {
            self.optimizer.head_lr = FINE_TUNING_HEAD;
        }
        if !self.gives("Arch.freeze_bn") {
            self.arch.freeze_bn = true;
        }
    }

    /// Takes over the network and the preprocessing of a `model` that training is to start from. Its own input size is kept
    /// where no `size` is given.
    pub fn adopt(&mut self, model: &Model, size: Option<u32>) {
        self.arch.variant = model.architecture.variant;
        self.arch.width = model.architecture.width;
        let own = model.recipe.output_size().map(|(width, _)| width);
        let size = size.or(own).unwrap_or(self.global.image_shape[1]);
        self.set_size(size);
        self.train.recipe = model.recipe.for_training(size);
        self.eval.recipe = model.recipe.at_size(size);
        self.infer.recipe = self.eval.recipe.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_diverged_is_advised_a_lower_rate_and_no_higher_than_the_usual_one() {
        let advice = |rate: f64, overrides: &[&str]| {
            let overrides: Vec<String> = overrides.iter().map(|o| (*o).into()).collect();
            let mut config = Config::from_yaml("", "test", &overrides).unwrap();
            config.train.batch_size = 32;
            config.optimizer.schedule.learning_rate = rate;
            config.calmer_rate()
        };
        let from = "Arch.pretrained=model.safetensors";
        for (rate, overrides, expected) in [
            (1e6, vec![], 0.05),
            (0.2, vec![], 0.02),
            (0.005, vec![], 0.0005),
            (1e6, vec![from], 0.0075),
            (0.05, vec![from], 0.005),
            (1e6, vec!["Global.pretrained_model=model.safetensors"], 0.0075),
            (30.0, vec!["Optimizer.name=AdamW"], 0.003),
            (30.0, vec!["Optimizer.name=AdamW", from], 0.0002),
        ] {
            assert_eq!(advice(rate, &overrides), expected, "{rate} {overrides:?}");
        }
    }
}
