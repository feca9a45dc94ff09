//! One run, epoch by epoch.

mod epoch_end;
mod loading;
mod preparing;
mod reporting;
mod saving;

use super::advice::{few_steps, told as told_of_labels};
use super::config_notes::unusual;
use super::output::Output;
use super::progress::{Clock, Place};
use super::unreadable;
use super::updates::Updates;
use super::{Outcome, RunOptions, Start};
use crate::TrainError;
use crate::checkpoint::{BEST, BEST_AVERAGE, LATEST, MODEL};
use crate::config::{Config, random_steps};
use crate::dataset::{DataSplit, DatasetReport};
use crate::evaluate::telling;
use crate::journal::{Event, Journal};
use crate::loader::{Batch, Loader, LoaderOptions, OnError};
use crate::schedule::Schedule;
use crate::shared::labels::{answers, class_weights};
use crate::shared::options::network_options;
use crate::shared::scores::{Standing, counted, no_better_than_guessing, scores};
use loading::{Loading, LoadingTime};
use photonet_gpu::{Gpu, Staged, Staging};
use photonet_model::{
    InferenceNetwork, InferenceOptions, Input, Model, Precision, TrainBuffers, TrainNetwork, TrainOptions,
    TrainingFacts, Weights,
};
use photonet_nn::Metrics;
use reporting::{Report, left_out};
use saving::Saving;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Everything a run holds.
struct Run<'a> {
    gpu: &'a Gpu,
    config: &'a Config,
    output: &'a Path,
    journal: Journal,
    train_loader: Loader,
    val_loader: Loader,
    buffers: TrainBuffers,
    staging: Arc<Staging>,
    networks: HashMap<usize, TrainNetwork>,
    eval_network: InferenceNetwork,
    template: Model,
    options: TrainOptions,
    schedule: Schedule,
    updates: Updates,
    train_topk: Vec<u32>,
    eval_topk: Vec<u32>,
    steps_per_epoch: u64,
    step: u64,
    best: Option<Standing>,
    /// Evaluations since the best accuracy last rose.
    stale: u32,
    best_average: Option<Standing>,
    last_metric: Option<f64>,
    /// The folder of the newest checkpoint.
    last_good: Option<PathBuf>,
    loading: Loading,
    saving: Saving,
    /// Unreadable photos that the user has been told of.
    told: HashSet<PathBuf>,
    /// Those among the photos to train on that the steps so far should have shown, by their places.
    unreadable: BTreeSet<u32>,
}

pub(super) async fn run(
    gpu: &Arc<Gpu>,
    config: &Config,
    split: DataSplit,
    options: &RunOptions,
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    if let Some(text) = random_steps(&config.eval.recipe, "DataLoader.Eval.dataset.transform_ops") {
        return Err(TrainError::Request(text));
    }
    let resume = options.checkpoint(config).map(PathBuf::as_path);
    let mut output = Output::claim(&config.global.output_dir, resume, options.overwrite)?;
    output.check_apart(config, &split)?;
    let epochs = config.global.epochs;
    let last = options.stop_after.map_or(epochs, |n| n.min(epochs));
    if let Some(outcome) = resume.map(|folder| Outcome::known(folder, config, last)).transpose()?.flatten() {
        return Ok(outcome);
    }
    let mut run = match Run::start(gpu, config, split, options, &mut output).await {
        Ok(run) => run,
        Err(error) => {
            output.leave_nothing();
            return Err(error);
        }
    };
    let first = run.step;
    let outcome = run.epochs(last, stop).await;
    if outcome.is_err() {
        run.end_saving();
        if run.step == first {
            // Its files are to be closed.
            drop(run);
            output.leave_nothing();
        }
    }
    outcome
}

impl<'a> Run<'a> {
    /// Trains up to an epoch (from 1), or until it is asked to stop.
    async fn epochs(&mut self, last: u32, stop: &AtomicBool) -> Result<Outcome, TrainError> {
        while self.step < u64::from(last) * self.steps_per_epoch {
            let epoch = (self.step / self.steps_per_epoch) as u32;
            if self.train_epoch(epoch, last, stop).await? {
                let checkpoint = self.checkpoint().await?;
                self.save(checkpoint, vec![LATEST.into()])?;
                return self.stopped();
            }
            self.finish_epoch(epoch + 1, epoch + 1 == last).await?;
            if self.impatient().is_some() {
                break;
            }
            // Behind the last step there is nothing left to stop.
            if stop.load(Ordering::Relaxed) && self.step < u64::from(last) * self.steps_per_epoch {
                return self.stopped();
            }
        }
        self.wait_until_saved()?;
        self.tell_impatience()?;
        let finished = last == self.config.global.epochs || self.impatient().is_some();
        if let Some(best) = self.best.filter(|_| finished && self.eval_topk[0] == 1) {
            let text = no_better_than_guessing(best.accuracy, &unreadable::without(&self.val_loader));
            text.map_or(Ok(()), |text| self.journal.event(&Event::warning(text)))?;
        }
        Ok(self.outcome(false))
    }

    async fn start(
        gpu: &'a Arc<Gpu>,
        config: &'a Config,
        mut split: DataSplit,
        options: &RunOptions,
        claimed: &mut Output,
    ) -> Result<Self, TrainError> {
        // What is known to be unreadable shall neither be counted nor weighed.
        let unread = [&mut split.train, &mut split.val].map(unreadable::leave_out).concat();
        let output = config.global.output_dir.as_path();
        let seed = config.global.seed;
        let classes_line = split.classes();
        let (train, val) = (Arc::new(split.train), Arc::new(split.val));
        let (labels, counts) = (train.labels.clone(), train.class_counts());
        let train_images = train.samples.len();
        let mut train_options = LoaderOptions::from_config(&config.train, seed, OnError::Replace);
        // With fewer photos than a batch, leaving out what is not a full batch would leave nothing.
        train_options.drop_last &= train_images >= train_options.batch_size;
        let train_loader = Loader::new(train, config.train.recipe.clone(), train_options)?;
        let val_images = val.samples.len();
        let mut eval_options = LoaderOptions::from_config(&config.eval, seed, OnError::Leave);
        eval_options.batch_size = (config.eval.batch_size as usize).min(val_images.max(1));
        // Every validation photo counts once, whatever the sampler of a training file says.
        (eval_options.drop_last, eval_options.shuffle) = (false, false);
        let eval_batch = eval_options.batch_size;
        let val_loader = Loader::new(val, config.eval.recipe.clone(), eval_options)?;
        let updates = Updates::new(train_loader.steps_per_epoch() as u64, config.global.update_freq)?;
        let steps_per_epoch = updates.steps_per_epoch();
        let start = Start::new(config, &labels, train_images, steps_per_epoch, options)?;
        let mut told = start.notes;
        told.extend(left_out(&unread));
        told.push(Event::note(classes_line));
        if start.resumed.is_none() {
            let whole = train_loader.options().drop_last;
            let from_model = config.given_weights().is_some();
            told.extend(few_steps(config, train_images as u64, whole, from_model).map(Event::warning));
        }
        told.extend(unusual(config, train_images).into_iter().map(Event::warning));
        let warnings = DatasetReport::warnings_of(&split.train_report, &split.val_report);
        told.extend(warnings.into_iter().map(Event::warning));
        let classes = start.architecture.classes;
        let class_weights = class_weights(config, &start.labels, &counts)?;
        let resumes = start.resumed.is_some();
        told.extend(told_of_labels(config, &start.labels, &counts, class_weights.as_deref(), resumes));
        let (train_topk, unsaid) = match config.train.mixing.is_off() {
            true => telling(&config.metric.train, classes),
            // A photo of two classes has no rank, as in PaddleClas.
            false => Default::default(),
        };
        let (eval_topk, more) = telling(&config.metric.eval, classes);
        let unsaid: BTreeSet<u32> = unsaid.into_iter().chain(more).collect();
        told.extend(
            unsaid.into_iter().map(|k| {
                Event::warning(format!("top-{k} says nothing with {classes} classes and is left out"))
            }),
        );
        let learning = config.learning();
        let buffers =
            TrainBuffers::new(gpu, &start.architecture, &start.weights, &learning, &config.tuning()).await?;
        if let Some(slots) = &start.slots {
            buffers.restore(&start.weights, slots, start.average.as_ref())?;
        }
        let input = Input::of(&config.eval.recipe)?;
        let eval_options = InferenceOptions {
            batch: eval_batch,
            input,
            count_topk: Some(counted(&eval_topk)),
            precision: Precision::Single,
        };
        let eval_network =
            InferenceNetwork::fitting(gpu, &start.architecture, &start.weights, &eval_options).await?;
        let val_loader = val_loader.with_batch_size(eval_network.batch());
        let facts = TrainingFacts {
            train_images,
            val_images,
            seed,
            version: env!("CARGO_PKG_VERSION").into(),
            ..TrainingFacts::default()
        };
        // From here on there is something of the run in its folder.
        claimed.clear()?;
        let mut journal = Journal::open(output, options.terminal)?;
        told.iter().try_for_each(|event| journal.event(event))?;
        let state = start.state;
        let epochs = config.global.epochs;
        let run = Self {
            gpu,
            schedule: Schedule::new(&config.optimizer.schedule, epochs, updates.per_epoch()),
            updates,
            options: network_options(config, class_weights, &train_topk)?,
            template: Model {
                architecture: start.architecture,
                weights: Weights::default(),
                labels: start.labels,
                recipe: config.eval.recipe.clone(),
                facts,
                test_vectors: Vec::new(),
            },
            step: state.as_ref().map_or(0, |s| s.step),
            stale: state.as_ref().map_or(0, |s| s.stale),
            best: state.as_ref().and_then(|s| s.best),
            unreadable: state.iter().flat_map(|s| &s.unreadable).copied().collect(),
            best_average: state.as_ref().and_then(|s| s.best_average),
            last_metric: None,
            last_good: start.resumed,
            loading: Loading::default(),
            saving: Saving::default(),
            told: HashSet::new(),
            networks: HashMap::new(),
            staging: Arc::new(Staging::new(gpu)),
            config,
            output,
            journal,
            train_loader,
            val_loader,
            buffers,
            eval_network,
            train_topk,
            eval_topk,
            steps_per_epoch,
        };
        run.prepare_output(gpu)
    }

    /// Trains the rest of an epoch (from 0), of `epochs` in this run. Returns whether it was interrupted.
    async fn train_epoch(&mut self, epoch: u32, epochs: u32, stop: &AtomicBool) -> Result<bool, TrainError> {
        let iters = self.steps_per_epoch;
        let first = self.step % iters;
        let print = u64::from(self.config.global.print_batch_step.max(1));
        let mut total = Metrics::default();
        let mut clock = Clock::new();
        let (mut due, mut interrupted) = (None, false);
        let mut batches = self.feed(epoch, first as usize)?;
        let order = self.train_loader.order(epoch);
        let mut wanted = order.chunks(self.batch_size()).skip(first as usize);
        // While the first photos are decoded.
        let left = self.train_loader.dataset().samples.len() - first as usize * self.batch_size();
        self.prepare(self.batch_size().min(left)).await?;
        let mut loading = LoadingTime::start();
        for iter in first..iters {
            let waiting = Instant::now();
            loading.wait_for(&batches, self.gpu)?;
            let Some(batch) = batches.next() else { break };
            let (batch, staged) = batch?;
            let photos = order.len() as u32;
            self.unreadable.extend(unreadable::replaced(
                wanted.next().unwrap_or_default(),
                &batch.indices,
                photos,
            ));
            let reading = waiting.elapsed();
            self.tell_saved()?;
            let lr = self.schedule.lr(self.updates.before(self.step));
            self.train_step(&batch, staged, epoch, lr).await?;
            self.step += 1;
            clock.step(reading);
            // The device has the next step to do while the counters of the one before are on their way.
            if let Some(report) = due.take() {
                self.report(report, &mut clock, &mut total).await?;
            }
            let stopping = stop.load(Ordering::Relaxed);
            if iter % print == 0 || iter + 1 == iters || stopping {
                let place = Place { epoch: epoch + 1, epochs: self.config.global.epochs, iter, iters };
                let metrics = self.buffers.begin_metrics().await?;
                let by_epoch = self.config.optimizer.schedule.by_epoch;
                let lr = if by_epoch { lr } else { self.schedule.lr(self.updates.before(self.step)) };
                due = Some(Report { metrics, steps: clock.cut(), place, lr });
            }
            // After the last step the epoch is finished as always, so that a resume misses nothing of it.
            interrupted = stopping && iter + 1 < iters;
            if interrupted {
                break;
            }
        }
        if let Some(report) = due {
            self.report(report, &mut clock, &mut total).await?;
        }
        if interrupted {
            return Ok(true);
        }
        let device_idle = loading.share();
        drop(batches);
        if !stop.load(Ordering::Relaxed) {
            self.load_ahead(epoch + 1, epochs);
        }
        self.advise(device_idle, first == 0)?;
        let (epochs, scores) = (self.config.global.epochs, scores(&total, &self.train_topk));
        self.journal.event(&Event::TrainEpoch { epoch: epoch + 1, epochs, scores, device_idle })?;
        Ok(false)
    }

    fn batch_size(&self) -> usize {
        self.train_loader.options().batch_size
    }

    /// Makes the network for batches of `images`, if it is not there.
    async fn prepare(&mut self, images: usize) -> Result<(), TrainError> {
        if self.networks.contains_key(&images) {
            return Ok(());
        }
        let options = TrainOptions { batch: images, ..self.options.clone() };
        let network = TrainNetwork::new(&self.buffers, &self.template.architecture, &options).await?;
        if let (parts, Some(reason)) = network.parts() {
            let text = format!(
                "a batch of {images} is more than the device can take ({reason}): it goes in {} parts of up to {} photos, whose \
                 gradients are added; batch normalisation takes the statistics of each part",
                parts.len(),
                parts[0],
            );
            self.journal.event(&Event::warning(text))?;
        }
        self.networks.insert(images, network);
        Ok(())
    }

    async fn train_step(
        &mut self,
        batch: &Batch,
        staged: Option<Staged>,
        epoch: u32,
        lr: f64,
    ) -> Result<(), TrainError> {
        self.prepare(batch.size).await?;
        let optimiser = self.config.optimizer.method.optimiser();
        let step = optimiser.step(lr as f32, epoch, self.step as u32, self.updates.before(self.step));
        let turn = self.updates.turn(self.step);
        if let Some(network) = self.networks.get(&batch.size) {
            let answers = answers(batch, self.options.class_weights.as_deref());
            network.step_staged(&batch.pixels, staged, &answers, &batch.indices, step, turn)?;
        }
        Ok(())
    }

    /// The end of a run that was asked to stop and has saved `latest`.
    fn stopped(&mut self) -> Result<Outcome, TrainError> {
        self.wait_until_saved()?;
        self.report_skipped()?;
        self.journal.event(&Event::note(format!(
            "stopped at step {} as asked; go on with --resume {}",
            self.step,
            self.output.join(LATEST).display()
        )))?;
        Ok(self.outcome(true))
    }

    fn outcome(&self, interrupted: bool) -> Outcome {
        // A run resumed into another folder has no best model there until it beats the first run's.
        let has_best = self.best.is_some() && self.output.join(BEST).join(MODEL).is_file();
        let folder = if has_best { BEST } else { LATEST };
        Outcome {
            interrupted,
            done_before: false,
            impatient: self.impatient(),
            epochs: (self.step / self.steps_per_epoch) as u32,
            of: self.config.global.epochs,
            best: self.best,
            best_average: self.best_average,
            last_metric: self.last_metric,
            metric_k: self.eval_topk[0],
            model: self.output.join(folder).join(MODEL),
            latest: self.output.join(LATEST),
        }
    }
}
