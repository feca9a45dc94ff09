//! The configuration of a run, in PaddleClas's own keys.
//!
//! A YAML text becomes an untyped tree, `-o Key.Sub=value` overrides are applied to the tree, and the
//! tree is read into [`Config`]. Three kinds of key are told apart:
//!
//! * keys that Photonet acts on: fields of [`Config`];
//! * keys that PaddleClas knows and that cannot change a result here (`use_visualdl`, `to_static`,
//!   `use_shared_memory`, ...): accepted, and listed in [`Config::ignored`];
//! * everything else is an error: a key nobody knows, with the nearest known one, or a choice that
//!   would change the result and is not supported, with what is supported.

mod arch;
mod arithmetic;
#[cfg(not(target_arch = "wasm32"))]
mod changes;
mod defaults;
mod difference;
mod emit;
mod error;
mod loaders;
mod loss;
mod method;
mod mixing;
mod ops;
mod optimizer;
mod overrides;
mod reader;
mod reading;
mod sections;
mod starting;
mod tree;

use std::path::{Path, PathBuf};

pub use photonet_model::Variant;
use photonet_model::{Decay, Frozen, Learning, Tuning};
use photonet_vision::{Mixing, Recipe};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use arithmetic::significant;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use changes::changes;
pub use defaults::KEPT_SIDES;
pub use difference::{difference, random_steps};
pub(crate) use error::nearest;
pub use error::{ConfigError, Place};
pub use method::{OptimizerConfig, OptimizerMethod};
pub use reading::{Given, Task};

/// The whole configuration of training, evaluation and inference.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `Global`: the run as a whole.
    pub global: Global,
    /// `Arch`: the network.
    pub arch: Arch,
    /// `Loss`: cross-entropy.
    pub loss: Loss,
    /// `Optimizer`: which one, and its schedule.
    pub optimizer: OptimizerConfig,
    /// `DataLoader.Train`.
    pub train: LoaderConfig,
    /// `DataLoader.Eval`.
    pub eval: LoaderConfig,
    /// `Infer`.
    pub infer: InferConfig,
    /// `Metric`: the accuracies that are reported.
    pub metric: MetricConfig,
    /// `EMA.decay`: that of a moving average of the weights, which is evaluated and kept beside them; `None` is none.
    pub ema: Option<f64>,
    /// `AMP.use_amp`: while training, activations in half precision and their gradients in bfloat16, which has the range of
    /// single precision, so no loss is scaled. Parameters and their gradients stay in single precision.
    pub amp: bool,
    /// Which keys and sections were given, for [`Config::gives`].
    pub given: Given,
    /// Full paths of the keys that were given and have no effect here, for one message to the user.
    pub ignored: Vec<String>,
    /// What the user should know of the configuration, a sentence each.
    pub warnings: Vec<String>,
}

/// `Global`: the run as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Global {
    /// A saved state to resume from, as a path without suffix.
    pub checkpoints: Option<PathBuf>,
    /// Weights to start or to evaluate from.
    pub pretrained_model: Option<PathBuf>,
    /// Where logs and models are written.
    pub output_dir: PathBuf,
    /// `auto`, `discrete`, `integrated`, `software`, or part of an adapter's name. PaddleClas's `gpu`
    /// and `cpu` are read as `auto` and `software`.
    pub device: String,
    /// Passes over the training photos.
    pub epochs: u32,
    /// Save `epoch_N` every so many epochs.
    pub save_interval: u32,
    /// Evaluate during training.
    pub eval_during_train: bool,
    /// Evaluate every so many epochs.
    pub eval_interval: u32,
    /// The first epoch, from 1, that is evaluated after; the last one always is.
    pub start_eval_epoch: u32,
    /// A key of Photonet's own, `patience`: the run ends when the best accuracy has not improved for so many evaluations;
    /// 0: never.
    pub patience: u32,
    /// Write a log line every so many steps.
    pub print_batch_step: u32,
    /// Channels, height and width of the network's input as stated in the file. The size that is used
    /// is what the transforms give.
    pub image_shape: [u32; 3],
    /// Batches whose mean gradient makes one update of the weights.
    pub update_freq: u32,
    /// The seed of everything random: order, augmentation, dropout, initial weights, split.
    pub seed: u64,
}

impl Global {
    /// `patience`, where it is over after `stale` evaluations without an improvement.
    pub(crate) fn out_of_patience(&self, stale: u32) -> Option<u32> {
        (self.patience > 0 && stale >= self.patience).then_some(self.patience)
    }
}

/// `Arch`: the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Arch {
    /// Large or small.
    pub variant: Variant,
    /// The factor on the channel counts, from 0.05 to 8.
    pub width: f64,
    /// How many classes the head tells apart; `None`: as many as the data set has.
    pub class_num: Option<u32>,
    /// Weights to start from.
    pub pretrained: Pretrained,
    /// With [`Pretrained::Yes`]: the weights trained by distillation.
    pub use_ssld: bool,
    /// The share of inputs of the last layer that dropout leaves out, in [0, 1).
    pub dropout: f64,
    /// A key of Photonet's own, `freeze_until`: the part that does not learn.
    pub freeze_until: Frozen,
    /// A key of Photonet's own, `freeze_bn`: normalise by the running statistics in training too.
    pub freeze_bn: bool,
}

/// `Arch.pretrained`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pretrained {
    /// Train from scratch.
    No,
    /// The published weights of this architecture.
    Yes,
    /// The weights in this file.
    Path(PathBuf),
}

/// `Loss`: cross-entropy.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// Label smoothing in [0, 1): this share of each target is spread evenly over all classes.
    pub epsilon: f64,
    /// A key of Photonet's own, `class_weights`: how much the photos of each class count.
    pub class_weights: ClassWeights,
}

/// How much the photos of each class count in the loss of training.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ClassWeights {
    /// All alike.
    #[default]
    Equal,
    /// `balanced`: by how many photos there are, so that all classes count alike.
    Balanced,
    /// These, in the order of the classes.
    Given(Vec<f64>),
}

/// `Optimizer.lr`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleConfig {
    /// The shape after the warm-up.
    pub kind: ScheduleKind,
    /// The rate at the end of the warm-up.
    pub learning_rate: f64,
    /// Length of the linear warm-up in epochs; fractions are allowed.
    pub warmup_epoch: f64,
    /// The rate of the very first step when there is a warm-up.
    pub warmup_start_lr: f64,
    /// Whether the rate changes from epoch to epoch, not from step to step.
    pub by_epoch: bool,
}

/// The shape of the learning rate after the warm-up, from the end of which all epochs are counted.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleKind {
    /// Half a cosine down to `eta_min`.
    Cosine {
        /// The rate at the end.
        eta_min: f64,
    },
    /// A polynomial down to `end_lr` at the end of the run.
    Linear {
        /// The rate at the end.
        end_lr: f64,
        /// The power of the polynomial; 1 is a line.
        power: f64,
        /// Begin anew after the end.
        cycle: bool,
    },
    /// Times `gamma` every `step_size` epochs.
    Step {
        /// Epochs between two changes, at least 1.
        step_size: u32,
        /// The factor, in [0, 1).
        gamma: f64,
    },
    /// Given rates between given epochs.
    Piecewise {
        /// The epochs at which the next rate begins.
        decay_epochs: Vec<u32>,
        /// The rates, one more than epochs; the first is [`ScheduleConfig::learning_rate`].
        values: Vec<f64>,
    },
    /// Times `gamma` at given epochs.
    MultiStep {
        /// The epochs, ascending.
        milestones: Vec<u32>,
        /// The factor, in [0, 1).
        gamma: f64,
    },
    /// Always the same.
    Const,
}

/// `DataLoader.Train` or `DataLoader.Eval`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoaderConfig {
    /// The folder that the paths of the list are relative to, or, without a list, the folder of
    /// photos itself.
    pub image_root: Option<PathBuf>,
    /// The list file with a path and a label a line; `None` for a plain folder per class.
    pub cls_label_path: Option<PathBuf>,
    /// What separates path and label in the list; `None`: the last run of blanks.
    pub delimiter: Option<String>,
    /// What is done to each photo.
    pub recipe: Recipe,
    /// `batch_transform_ops`: how the photos of a batch are mixed with one another. It counts in `DataLoader.Train` only.
    pub mixing: Mixing,
    /// Photos a step.
    pub batch_size: u32,
    /// Leave out the last batch if it is not full.
    pub drop_last: bool,
    /// Take the photos in a new order each epoch.
    pub shuffle: bool,
    /// Threads that decode and transform; `None`: all of the processor. Any number gives the same batches.
    pub num_workers: Option<u32>,
    /// A key of Photonet's own, `loader.cache_mb`: memory for decoded photos, in MiB; `None`: a quarter of the
    /// computer's for training, an eighth for evaluation.
    pub cache_mb: Option<u32>,
    /// A key of Photonet's own, `loader.keep_short`: photos to train on whose short side is longer, in pixels, are
    /// brought down to it once, when they are decoded, so that random crops cost less and more photos fit in memory;
    /// 0: they stay as they are; `None`, written `auto`: see [`LoaderConfig::kept_short`]. It counts in
    /// `DataLoader.Train` only.
    pub keep_short: Option<u32>,
    /// A key of Photonet's own, `dataset.val_fraction`: the share of a plain folder per class that is
    /// set apart for validation. It counts in `DataLoader.Train` only.
    pub val_fraction: f64,
}

/// `Metric`: each k of top-k accuracy, in the order of the file, up to [`MetricConfig::MOST`] of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricConfig {
    /// Those of training.
    pub train: Vec<u32>,
    /// Those of evaluation. The first one's accuracy decides which model is the best.
    pub eval: Vec<u32>,
}

impl MetricConfig {
    /// How many accuracies of one kind can be reported.
    pub const MOST: usize = photonet_nn::TOP_COUNTS;
}

/// `Infer`.
#[derive(Debug, Clone, PartialEq)]
pub struct InferConfig {
    /// A photo or a folder of photos; with a list, the folder that its paths are relative to.
    pub images: Option<PathBuf>,
    /// A list of photos, a path a line, with or without a label behind it.
    pub list: Option<PathBuf>,
    /// Photos a step.
    pub batch_size: u32,
    /// What is done to each photo.
    pub recipe: Recipe,
    /// How many classes to report per photo.
    pub topk: u32,
    /// Names of the classes, `id name` a line.
    pub class_id_map_file: Option<PathBuf>,
    /// Where to write the results beside showing them.
    pub save_dir: Option<PathBuf>,
}

impl Config {
    /// Reads a configuration text for training and applies the overrides to it, in their order.
    ///
    /// `origin` names the text in errors (a file name, usually). An empty text gives
    /// [`Config::defaults`] with the overrides applied.
    ///
    /// # Errors
    /// Any [`ConfigError`] but `Read`.
    pub fn from_yaml(text: &str, origin: &str, overrides: &[String]) -> Result<Config, ConfigError> {
        Config::from_yaml_for(Task::Train, text, origin, overrides)
    }

    /// As [`Config::from_yaml`], for a task: what only others need may ask for what is not supported, and is then
    /// that of [`Config::defaults`].
    ///
    /// # Errors
    /// As [`Config::from_yaml`].
    pub fn from_yaml_for(
        task: Task,
        text: &str,
        origin: &str,
        overrides: &[String],
    ) -> Result<Config, ConfigError> {
        let place_of = |line: usize| Place::Line { origin: origin.to_owned(), line };
        let mut root = tree::parse(text, &place_of)?;
        let from_file = !matches!(&root.value, tree::Value::Map(entries) if entries.is_empty());
        for text in overrides {
            overrides::apply(&mut root, text)?;
        }
        sections::read(root, reading::Reading::new(task, from_file))
    }

    /// Reads a configuration file for a task and applies the overrides to it, in their order.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn load(task: Task, path: &Path, overrides: &[String]) -> Result<Config, ConfigError> {
        let bytes =
            std::fs::read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let whole = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + whole.iter().filter(|byte| **byte == b'\n').count();
            ConfigError::NotUtf8 { path: path.to_owned(), line }
        })?;
        let mut config = Config::from_yaml_for(task, &text, &path.display().to_string(), overrides)?;
        if task == Task::Train {
            config.warnings.extend(loss::unlike_paddleclas(&config));
        }
        Ok(config)
    }

    /// Whether a key or section, by its full path, was given and holds something.
    pub fn gives(&self, path: &str) -> bool {
        self.given.0.contains(path)
    }

    /// Which parts of the network learn, and how fast.
    pub fn tuning(&self) -> Tuning {
        Tuning {
            frozen: self.arch.freeze_until,
            constant_statistics: self.arch.freeze_bn,
            head_rate: self.optimizer.head_lr as f32,
        }
    }

    /// How the network learns from its gradients.
    pub fn learning(&self) -> Learning {
        let OptimizerConfig { method, weight_decay, .. } = self.optimizer;
        Learning {
            optimiser: method.optimiser(),
            decay: Decay {
                coefficient: weight_decay as f32,
                // Its exemption from others is a regulariser of its own.
                normalisations: matches!(method, OptimizerMethod::AdamW { .. }),
                spares_vectors: self.optimizer.one_dim_param_no_weight_decay,
                spared: self.optimizer.no_weight_decay_name.clone(),
            },
            clip_norm: self.optimizer.clip_norm.map(|norm| norm as f32),
            average: self.ema,
            accumulates: self.global.update_freq > 1,
        }
    }

    /// The configuration with every value written out, as a YAML text that
    /// [`Config::from_yaml`] reads back to an equal configuration, but for [`Config::ignored`],
    /// whose keys are not written.
    pub fn to_yaml(&self) -> String {
        emit::to_yaml(self)
    }
}
