//! The training loop.
//!
//! Every step is enqueued without waiting for the device; loss and accuracy accumulate there and are
//! read every `print_batch_step` steps.

mod advice;
mod config_notes;
mod feed;
mod output;
mod progress;
mod run;
mod unreadable;
mod updates;

use crate::checkpoint::{BEST, Checkpoint, LATEST, MODEL, OTHER_CHECKPOINT, State};
use crate::config::{Config, Pretrained, changes};
use crate::dataset::DataSplit;
use crate::journal::Event;
use crate::shared::beginning::{self, Beginning};
use crate::shared::scores::Standing;
use crate::{TrainError, load_model};
use config_notes::normalisation;
use photonet_gpu::Gpu;
use photonet_model::{Architecture, ParameterLayout, Slots, TrainBuffers, Weights};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How a run is started.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// A checkpoint's folder to go on from.
    pub resume: Option<PathBuf>,
    /// Stop after this many epochs of the run, with everything saved for a resume.
    pub stop_after: Option<u32>,
    /// Remove the run that is in the output folder.
    pub overwrite: bool,
    /// Show progress bars in place of log lines.
    pub terminal: bool,
}

impl RunOptions {
    /// The checkpoint to go on from.
    fn checkpoint<'a>(&'a self, config: &'a Config) -> Option<&'a PathBuf> {
        self.resume.as_ref().or(config.global.checkpoints.as_ref())
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Whether it was asked to stop before its end.
    pub interrupted: bool,
    /// Whether there was nothing to do: the run, or as much of it as was asked for, was done before.
    pub done_before: bool,
    /// The evaluations without an improvement after which it ended early, as `Global.patience` says.
    pub impatient: Option<u32>,
    /// Whole epochs done.
    pub epochs: u32,
    /// Epochs of the whole run.
    pub of: u32,
    /// The k of top-k accuracy that decides which model is the best.
    pub metric_k: u32,
    /// What the best model is worth on the validation photos.
    pub best: Option<Standing>,
    /// The same of the moving average of the weights, where there is one.
    pub best_average: Option<Standing>,
    /// That of the last evaluation.
    pub last_metric: Option<f64>,
    /// The best model's file where there is one, else the latest one's.
    pub model: PathBuf,
    /// The newest checkpoint's folder.
    pub latest: PathBuf,
}

impl Outcome {
    /// That of a run whose checkpoint is at the end of epoch `last` (from 1) or beyond, or has ended early; none where it
    /// goes on.
    fn known(checkpoint: &Path, config: &Config, last: u32) -> Result<Option<Self>, TrainError> {
        let state = Checkpoint::load_state(checkpoint)?;
        let epochs = (state.step / state.steps_per_epoch.max(1)) as u32;
        let folders = [BEST, LATEST].map(|name| config.global.output_dir.join(name));
        let folder = folders.into_iter().find(|folder| folder.join(MODEL).is_file());
        let impatient = config.global.out_of_patience(state.stale).filter(|_| epochs < config.global.epochs);
        Ok((epochs >= last || impatient.is_some()).then(|| Self {
            interrupted: false,
            done_before: true,
            impatient,
            epochs,
            of: config.global.epochs,
            best: state.best,
            best_average: state.best_average,
            metric_k: config.metric.eval[0],
            last_metric: None,
            model: folder.unwrap_or_else(|| checkpoint.to_owned()).join(MODEL),
            latest: checkpoint.to_owned(),
        }))
    }
}

/// Trains as `config` says on the photos of `split`. When `stop` becomes true, the step under way is
/// finished, `latest` is saved, and the run ends. A run that ends before its first step leaves nothing.
///
/// # Errors
/// Anything that keeps the run from starting, such as another run in its folder; a loss that is not finite, or a disk or device that
/// fails. What was saved before stays.
pub fn train(
    gpu: &Arc<Gpu>,
    config: &Config,
    split: DataSplit,
    options: &RunOptions,
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    pollster::block_on(run::run(gpu, config, split, options, stop))
}

/// What training starts from: fresh weights, given weights, or a checkpoint.
struct Start {
    architecture: Architecture,
    labels: Vec<String>,
    weights: Weights,
    /// The optimiser's.
    slots: Option<Slots>,
    /// The moving average of the weights.
    average: Option<Weights>,
    state: Option<State>,
    /// The checkpoint's folder.
    resumed: Option<PathBuf>,
    /// What the user should know of the model that training starts from.
    notes: Vec<Event>,
}

impl Start {
    fn new(
        config: &Config,
        labels: &[String],
        train_images: usize,
        steps_per_epoch: u64,
        options: &RunOptions,
    ) -> Result<Self, TrainError> {
        let labels = beginning::class_names(config, labels)?;
        let mut architecture = beginning::asked_for(config, labels.len())?;
        if let Some(folder) = options.checkpoint(config).cloned() {
            let checkpoint = Checkpoint::load(&folder)?;
            let refuse = |reason: String| TrainError::Checkpoint { path: folder.clone(), reason };
            check_resume(&checkpoint, &architecture, config, train_images, steps_per_epoch)
                .and_then(|()| check_classes(&checkpoint.model.labels, &labels))
                .map_err(refuse)?;
            let Checkpoint { model, slots, average, state } = checkpoint;
            // A run that started from a model of another family goes on in that family.
            let dropout = architecture.switches.dropout;
            architecture = model.architecture.clone();
            architecture.switches.dropout = dropout;
            beginning::check_frozen_place(config, &architecture)?;
            let mut notes: Vec<_> = beginning::frozen_notes(config).into_iter().map(Event::note).collect();
            notes.extend(other_settings(config, &state.config).map(Event::warning));
            let (slots, state) = (Some(slots), Some(state));
            let resumed = Some(folder);
            let (weights, average) = (model.weights, average.map(|model| model.weights));
            return Ok(Self { architecture, labels, weights, slots, average, state, resumed, notes });
        }
        let mut notes: Vec<Event> = Vec::new();
        let given = match config.given_weights() {
            Some(path) => {
                if let Pretrained::Path(other) = &config.arch.pretrained
                    && other != path
                {
                    notes.push(Event::warning(format!(
                        "Global.pretrained_model counts, as in PaddleClas; Arch.pretrained, {}, is not read",
                        other.display()
                    )));
                }
                let model = load_model(path)?;
                if model.architecture.variant != architecture.variant
                    || model.architecture.width != architecture.width
                {
                    return Err(TrainError::Request(format!(
                        "{} holds {}, but {architecture} is to be trained: set Arch.name to match it",
                        path.display(),
                        model.architecture
                    )));
                }
                notes.push(Event::note(format!("starting from {}: {}", path.display(), model.architecture)));
                if let Some(text) = normalisation(&config.eval.recipe, &model.recipe, "that model") {
                    notes.push(Event::warning(format!(
                        "DataLoader.Eval has {text}: its weights were learned from other numbers; take over its \
                         NormalizeImage, or start by --from, which does"
                    )));
                }
                Some(model)
            }
            None if config.arch.pretrained == Pretrained::Yes => {
                return Err(TrainError::Request(
                    "Arch.pretrained=True needs published weights, which are not built in: download them, make a model of \
                     them by `photonet import FILE --out MODEL.safetensors` and give that, Arch.pretrained=MODEL.safetensors, \
                     or train from scratch with Arch.pretrained=False"
                        .into(),
                ));
            }
            None => None,
        };
        let Beginning { architecture, weights, notes: more } =
            Beginning::new(config, architecture, &labels, given)?;
        notes.extend(more);
        Ok(Self {
            architecture,
            labels,
            weights,
            slots: None,
            average: None,
            state: None,
            resumed: None,
            notes,
        })
    }
}

/// The classes must be those of the checkpoint, name by name.
fn check_classes(held: &[String], labels: &[String]) -> Result<(), String> {
    let differs = held.iter().zip(labels).position(|(held, label)| held != label);
    differs.map_or(Ok(()), |class| {
        Err(format!(
            "its class {class} is called {}, now it is {}: resume with the same names of classes, such as those of \
             label_list.txt in the run's folder",
            held[class], labels[class]
        ))
    })
}

/// Says so where a run goes on with other settings than those of its checkpoint.
fn other_settings(config: &Config, first: &str) -> Option<String> {
    // What an older version has written may no longer be read.
    let first = Config::from_yaml(first, "the checkpoint", &[]).ok()?;
    let changes = changes(config, &first);
    (!changes.is_empty())
        .then(|| format!("the run goes on with other settings than its checkpoint's: {}", changes.join(", ")))
}

fn check_resume(
    checkpoint: &Checkpoint,
    architecture: &Architecture,
    config: &Config,
    train_images: usize,
    steps_per_epoch: u64,
) -> Result<(), String> {
    let Checkpoint { model, state, slots, average } = checkpoint;
    if model.architecture.variant != architecture.variant
        || model.architecture.width != architecture.width
        || model.architecture.classes != architecture.classes
    {
        return Err(format!(
            "it holds {}, but {architecture} is to be trained: resume with the settings of the first run",
            model.architecture
        ));
    }
    let learning = config.learning();
    let optimiser = learning.optimiser.name();
    if state.optimiser != optimiser {
        return Err(format!(
            "it was trained with {}, now it is {optimiser}, which needs another state: resume with the same \
             Optimizer.name, or start anew from its model by --from",
            state.optimiser
        ));
    }
    if state.update_freq != config.global.update_freq {
        return Err(format!(
            "it was trained with an update every {} batches, now it is every {}: resume with the same Global.update_freq",
            state.update_freq, config.global.update_freq
        ));
    }
    let layout = ParameterLayout::new(&model.architecture);
    let expected = layout.unpack_parameters(&vec![0.0; layout.parameter_length]);
    for name in TrainBuffers::slot_names(&learning) {
        let Some(slot) = slots.get(name) else {
            return Err(format!(
                "its optimiser kept no {name}, which {optimiser} with these settings goes on from: resume with the \
                 settings of the first run"
            ));
        };
        if !expected.tensors.iter().all(|(n, t)| slot.get(n).is_some_and(|v| v.shape == t.shape)) {
            return Err(format!(
                "its optimiser state belongs to another network than its model: {OTHER_CHECKPOINT}"
            ));
        }
    }
    if config.ema.is_some() && average.is_none() {
        return Err(
            "it holds no moving average of the weights, which EMA goes on from: resume without EMA, or start anew \
             from its model by --from"
                .into(),
        );
    }
    if state.seed != config.global.seed {
        return Err(format!(
            "it was trained with seed {}, now it is {}: resume with the same Global.seed",
            state.seed, config.global.seed
        ));
    }
    if state.train_images != train_images || state.steps_per_epoch != steps_per_epoch {
        return Err(format!(
            "it was trained on {} photos in {} steps an epoch, now there are {train_images} in {steps_per_epoch}: \
             resume with the same photos and batch size",
            state.train_images, state.steps_per_epoch
        ));
    }
    Ok(())
}
