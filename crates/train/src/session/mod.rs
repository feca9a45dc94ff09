//! Training on photos that are in memory, a step at a time: what a page does, where there are no files and no threads.
//!
//! A session trains as [`crate::trainer`] does on a folder of the same photos: the same split, order, crops, learning rates
//! and choice of the best model, so that the weights are the same too.

mod best;
mod checks;
mod gallery;
mod intake;
mod networks;

use crate::TrainError;
use crate::config::Config;
use crate::dataset::{Dataset, SplitOptions, class_counts};
use crate::evaluate::Evaluation;
use crate::journal::Scores;
use crate::loader::{Batch, Preparation, shuffled};
use crate::schedule::Schedule;
use crate::shared::beginning::class_names;
use crate::shared::labels::answers;
use crate::shared::scores::{merge, no_better_than_guessing, scores};
use best::Best;
use gallery::Divided;
use networks::Networks;
use photonet_gpu::Gpu;
use photonet_model::{
    Architecture, InferenceNetwork, Model, PendingMetrics, TrainBuffers, TrainNetwork, TrainOptions,
    TrainingFacts, Weights,
};
use photonet_nn::Metrics;
use photonet_vision::{Rgb, RngKey};
use std::collections::HashMap;
use std::sync::Arc;

pub use gallery::Gallery;
pub use intake::{Intake, Kept};

/// A run on photos in memory.
pub struct Session {
    config: Config,
    preparation: Preparation,
    train: Vec<(Rgb, u32)>,
    /// What evaluation takes of each photo of `held`.
    val: Vec<Rgb>,
    /// The photos to evaluate on, by the names that they were added with.
    held: Dataset,
    buffers: TrainBuffers,
    /// One for each size of a batch.
    networks: HashMap<usize, TrainNetwork>,
    eval_network: InferenceNetwork,
    template: Model,
    options: TrainOptions,
    schedule: Schedule,
    topk: Vec<u32>,
    steps_per_epoch: u64,
    /// The order of the epoch that is submitted.
    order: Vec<u32>,
    submitted: u64,
    /// Of the step that is submitted behind the one that is waited for.
    ahead: Option<PendingMetrics>,
    done: u64,
    /// The counters of the epoch.
    total: Metrics,
    /// Whether a step went wrong, behind which there is none.
    failed: bool,
    best: Option<Best>,
    /// Evaluations since its accuracy last rose.
    stale: u32,
    notes: Vec<String>,
}

/// Where a session is after a step.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The epoch, from 1.
    pub epoch: u32,
    /// How many epochs there are.
    pub epochs: u32,
    /// The step just done, from 1, in its epoch.
    pub step: u64,
    /// Steps in an epoch.
    pub steps: u64,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// Mean loss and accuracies since the epoch's start.
    #[serde(flatten)]
    pub scores: Scores,
    /// What an evaluation found, behind the last step of an epoch.
    pub evaluation: Option<Evaluated>,
    /// Whether this was the last step.
    pub done: bool,
}

/// What an evaluation found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluated {
    /// Mean loss and accuracies on the photos that were set aside.
    #[serde(flatten)]
    pub scores: Scores,
    /// The best accuracy so far, a share.
    pub best: f64,
    /// The epoch that had it, from 1.
    pub best_epoch: u32,
}

impl Session {
    /// Compiles what [`Session::start`] will need with as many photos as fill a batch, so that it is there then; with fewer, some of
    /// it is. The device has nothing of the network behind it.
    ///
    /// # Errors
    /// As [`Session::start`].
    pub async fn compile_ahead(
        gpu: &Arc<Gpu>,
        config: &Config,
        labels: &[String],
        model: Option<Model>,
    ) -> Result<(), TrainError> {
        Self::check(config, labels.len(), model.as_ref())?;
        let labels = class_names(config, labels)?;
        let counts = vec![config.train.batch_size as usize; labels.len()];
        let held = config.eval.batch_size as usize;
        Networks::new(gpu, config, &labels, model, &counts, held).await?;
        Ok(())
    }

    /// Divides the photos, gives the network to the device and makes its plans. `labels` are the classes' names, `model` what
    /// to start from, to which `config` was adapted by [`Config::adopt`].
    ///
    /// # Errors
    /// Fewer than two classes with photos, none of them with two, what only a run on files can do, or a device that fails.
    pub async fn start(
        gpu: &Arc<Gpu>,
        config: Config,
        labels: &[String],
        gallery: Gallery,
        model: Option<Model>,
    ) -> Result<Self, TrainError> {
        Self::check(&config, labels.len(), model.as_ref())?;
        gallery.check(labels.len())?;
        let seed = config.global.seed;
        let split = SplitOptions { fraction: config.train.val_fraction, seed };
        let Divided { train, val, samples, preparation } = gallery.divide(labels.len(), split);
        let labels = class_names(&config, labels)?;
        let counts = class_counts(train.iter().map(|(_, label)| *label), labels.len());
        let networks = Networks::new(gpu, &config, &labels, model, &counts, val.len()).await?;
        let batch = config.train.batch_size as usize;
        // With fewer photos than a batch, leaving out what is not a full batch would leave nothing.
        let drop_last = config.train.drop_last && train.len() >= batch;
        let steps_per_epoch =
            if drop_last { train.len() / batch } else { train.len().div_ceil(batch) } as u64;
        let facts = TrainingFacts {
            train_images: train.len(),
            val_images: val.len(),
            seed,
            version: env!("CARGO_PKG_VERSION").into(),
            ..TrainingFacts::default()
        };
        let held = Dataset { samples, labels: labels.clone() };
        let Networks { architecture, buffers, train: network, options, eval, topk, mut notes } = networks;
        notes.extend(checks::unseen(&counts, &held));
        Ok(Self {
            networks: HashMap::from([(options.batch, network)]),
            options,
            template: Model {
                architecture,
                weights: Weights::default(),
                labels,
                recipe: config.eval.recipe.clone(),
                facts,
                test_vectors: Vec::new(),
            },
            schedule: Schedule::new(&config.optimizer.schedule, config.global.epochs, steps_per_epoch),
            notes,
            config,
            preparation,
            train,
            val,
            held,
            buffers,
            eval_network: eval,
            topk,
            steps_per_epoch,
            order: Vec::new(),
            submitted: 0,
            ahead: None,
            done: 0,
            total: Metrics::default(),
            failed: false,
            best: None,
            stale: 0,
        })
    }

    /// What the user should know of the run, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Photos to train and to evaluate on.
    pub fn photos(&self) -> (usize, usize) {
        (self.train.len(), self.val.len())
    }

    /// Steps in an epoch, at least 1.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// The network.
    pub fn architecture(&self) -> &Architecture {
        &self.template.architecture
    }

    /// Does a step and, behind the last one of an epoch, evaluates. The device has the next step to do while this one's
    /// counters are waited for.
    ///
    /// # Errors
    /// A loss or weights that are not finite, or a device that fails; the best model so far stays. A session that is over.
    pub async fn advance(&mut self) -> Result<Progress, TrainError> {
        if self.is_over() || self.failed {
            return Err(TrainError::Request("the training is over: start another one".into()));
        }
        let progress = self.step().await;
        self.failed = progress.is_err();
        progress
    }

    async fn step(&mut self) -> Result<Progress, TrainError> {
        let of_epoch = self.done % self.steps_per_epoch;
        let waited_for = match self.ahead.take() {
            Some(metrics) => metrics,
            None => self.submit().await?,
        };
        if !self.submitted.is_multiple_of(self.steps_per_epoch) {
            self.ahead = Some(self.submit().await?);
        }
        let metrics = waited_for.finish().await?;
        if metrics.bad > 0 {
            return Err(self.diverged("the loss", u64::from(metrics.bad_step)));
        }
        if of_epoch == 0 {
            self.total = Metrics::default();
        }
        merge(&mut self.total, &metrics);
        let (epoch, learning_rate) = (self.epoch(), self.schedule.lr(self.done));
        self.done += 1;
        let evaluation = match of_epoch + 1 == self.steps_per_epoch {
            true => Some(self.evaluate(epoch).await?),
            false => None,
        };
        Ok(Progress {
            epoch,
            epochs: self.config.global.epochs,
            step: of_epoch + 1,
            steps: self.steps_per_epoch,
            learning_rate,
            scores: scores(&self.total, &self.topk),
            evaluation,
            done: self.is_over(),
        })
    }

    /// The best model so far, and what it is worth on the photos that were set aside; none before the end of the first epoch.
    pub fn best(&self) -> Option<(&Model, &Evaluation)> {
        self.best.as_ref().map(|best| (&best.model, &best.evaluation))
    }

    /// Says so where the best model is of no use.
    pub fn verdict(&self) -> Option<String> {
        let best = self.best.as_ref().filter(|_| self.topk[0] == 1)?;
        no_better_than_guessing(best.standing.accuracy, &self.held)
    }

    /// From 1, that of the step to be done.
    fn epoch(&self) -> u32 {
        (self.done / self.steps_per_epoch) as u32 + 1
    }

    fn is_over(&self) -> bool {
        let all = self.done == u64::from(self.config.global.epochs) * self.steps_per_epoch;
        let between = self.done.is_multiple_of(self.steps_per_epoch);
        all || between && self.config.global.out_of_patience(self.stale).is_some()
    }

    /// Makes the network for batches of `images`, if it is not there.
    async fn prepare(&mut self, images: usize) -> Result<(), TrainError> {
        if !self.networks.contains_key(&images) {
            let options = TrainOptions { batch: images, ..self.options.clone() };
            let network = TrainNetwork::new(&self.buffers, &self.template.architecture, &options).await?;
            self.networks.insert(images, network);
        }
        Ok(())
    }

    /// Submits the next step.
    async fn submit(&mut self) -> Result<PendingMetrics, TrainError> {
        let (epoch, of_epoch) =
            (self.submitted / self.steps_per_epoch, self.submitted % self.steps_per_epoch);
        let epoch = epoch as u32;
        if of_epoch == 0 {
            self.order = shuffled(self.train.len() as u32, self.config.global.seed, epoch);
        }
        let batch = self.batch(epoch, of_epoch as usize)?;
        self.prepare(batch.size).await?;
        let (submitted, optimiser) = (self.submitted, self.config.optimizer.method.optimiser());
        let step = optimiser.step(self.schedule.lr(submitted) as f32, epoch, submitted as u32, submitted);
        if let Some(network) = self.networks.get(&batch.size) {
            let answers = answers(&batch, self.options.class_weights.as_deref());
            network.step(&batch.pixels, &answers, &batch.indices, step)?;
        }
        self.submitted += 1;
        Ok(self.buffers.begin_metrics().await?)
    }

    /// A batch of an epoch, both counted from 0.
    fn batch(&self, epoch: u32, of_epoch: usize) -> Result<Batch, TrainError> {
        let size = self.config.train.batch_size as usize;
        let first = of_epoch * size;
        let indices = self.order[first..self.order.len().min(first + size)].to_vec();
        let mut batch =
            Batch { pixels: Vec::new(), labels: Vec::new(), size: indices.len(), indices, mixed: None };
        for &sample in &batch.indices {
            let (photo, label) = &self.train[sample as usize];
            let key = RngKey { seed: self.config.global.seed, epoch, sample };
            let pixels =
                self.preparation.pixels(photo, key).map_err(|e| TrainError::Request(e.to_string()))?;
            batch.pixels.extend_from_slice(&pixels);
            batch.labels.push(*label);
        }
        Ok(batch)
    }

    fn diverged(&self, what: &str, step: u64) -> TrainError {
        let kept = match &self.best {
            Some(best) => format!(". The model of epoch {} is kept", best.standing.epoch),
            None => ". No epoch was finished before".into(),
        };
        let epoch = (step / self.steps_per_epoch) as u32 + 1;
        TrainError::Diverged { what: what.into(), step, epoch, advice: self.config.calmer_rate(), kept }
    }
}
