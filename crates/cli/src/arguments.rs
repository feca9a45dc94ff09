//! The command line.

use crate::augment::AugmentOptions;
use crate::data::DataOptions;
use crate::embed::EmbedOptions;
use crate::error::CliError;
use crate::eval::EvalOptions;
use crate::export::ExportOptions;
use crate::import::ImportOptions;
use crate::inspect::InspectOptions;
use crate::serve::ServeOptions;
use crate::verify::VerifyOptions;
use clap::{Args, Parser, Subcommand, ValueEnum};
use photonet_model::Frozen;
use photonet_train::config::OptimizerMethod;
use std::path::PathBuf;

/// Trains MobileNetV3 on your photos on any GPU, and classifies photos with the result.
#[derive(Debug, Parser)]
#[command(name = "photonet", version, about)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train on a folder of photos, or as a configuration file says.
    Train(TrainOptions),
    /// Look at photos before a training: how many there are of each class, and what is wrong with them.
    Data(DataOptions),
    /// Measure a model on labelled photos.
    Eval(EvalOptions),
    /// Classify photos.
    Infer(InferOptions),
    /// Make a model of PaddleClas's, torchvision's or timm's weights.
    Import(ImportOptions),
    /// Show what a model file says of itself.
    Inspect(InspectOptions),
    /// Replay a model's test vectors on this device.
    Verify(VerifyOptions),
    /// Write a model as a file that others read: ONNX, or safetensors in another project's names.
    Export(ExportOptions),
    /// Give the feature vectors of photos.
    Embed(EmbedOptions),
    /// List the GPUs of this machine.
    Devices(DevicesOptions),
    /// Show a network's layers, parameters and cost.
    Summary(SummaryOptions),
    /// Compare every kernel with its CPU twin on this device.
    Check(CheckOptions),
    /// Measure speed on this device.
    Bench(BenchOptions),
    /// Measure which variants of the kernels are the fastest on this device, and keep the answers for later runs.
    Tune(TuneOptions),
    /// Serve the page that classifies photos in the browser, from this machine to this machine.
    Serve(ServeOptions),
}

/// A configuration file and changes to it.
#[derive(Debug, Args)]
pub struct ConfigOptions {
    /// Configuration in PaddleClas's YAML keys.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Change one key of the configuration; can be given many times.
    #[arg(short = 'o', long = "override", value_name = "KEY.SUB=VALUE")]
    pub overrides: Vec<String>,
    /// Which device: auto, discrete, integrated, software, or part of its name; to classify also cpu, which
    /// auto takes where there is no GPU.
    #[arg(long)]
    pub device: Option<String>,
}

/// Options of `photonet train`.
#[derive(Debug, Args)]
pub struct TrainOptions {
    /// Photos: a folder with a sub-folder for each class, or with train_list.txt in PaddleClas's form.
    pub photos: Option<PathBuf>,
    /// Take class folders for classes even where they have sub-folders of the same names.
    #[arg(long)]
    pub nested: bool,
    #[command(flatten)]
    pub config: ConfigOptions,
    /// Network: small or large [default: small].
    #[arg(long)]
    pub arch: Option<Arch>,
    /// Factor on the channel counts, such as 0.35, 0.5, 0.75, 1.0 or 1.25 [default: 1.0].
    #[arg(long)]
    pub width: Option<f64>,
    /// Side of the network's input in pixels [default: 224, with --from the model's].
    #[arg(long)]
    pub size: Option<u32>,
    /// Passes over the photos [default: 30, with --from 20]. The warm-up is a tenth of them, unless a file, -o or the run to go on
    /// with says otherwise.
    #[arg(long)]
    pub epochs: Option<u32>,
    /// Photos in a step [default: 32].
    #[arg(long)]
    pub batch: Option<u32>,
    /// Optimiser: momentum, sgd, rmsprop, adam or adamw [default: momentum, with --from adamw]. What -c says is changed by
    /// -o Optimizer.
    #[arg(long, value_name = "NAME", value_parser = optimizer)]
    pub optimizer: Option<&'static str>,
    /// Largest learning rate [default: 0.05 for batches of 32 with momentum, 0.2 with sgd, 0.003 with others; with --from 0.0075,
    /// 0.03 and 0.0002; in proportion for other batches].
    #[arg(long, allow_negative_numbers = true)]
    pub lr: Option<f64>,
    #[command(flatten)]
    pub augment: AugmentOptions,
    /// Start from a model, made here or by `photonet import`: its network and its preprocessing are kept, and its
    /// classifier where its classes have the same names.
    #[arg(long, value_name = "MODEL")]
    pub from: Option<PathBuf>,
    /// With --from: leave the stem and this many blocks as they are, or, with `head`, all but the classifier.
    #[arg(long, value_name = "BLOCK|head")]
    pub freeze_until: Option<Frozen>,
    /// With --from: normalise by the model's statistics in training too, by which few photos teach more, and which takes less
    /// time; with --freeze-bn=false by those of each batch [default: true, with a file what it says].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub freeze_bn: Option<bool>,
    /// Learning rate of the classifier in units of that of the rest [default: 1; with --from, and neither momentum nor sgd, 5].
    #[arg(long, value_name = "FACTOR")]
    pub head_lr: Option<f64>,
    /// Activations on the GPU and their gradients: f32, or f16, which takes half to eight tenths of the memory; all else is in
    /// f32 [default: f32].
    #[arg(long)]
    pub precision: Option<Precision>,
    /// Seed of everything random [default: 0].
    #[arg(long)]
    pub seed: Option<u64>,
    /// End the run when the best accuracy has not improved for so many evaluations; 0: never. A learning rate that falls to
    /// the end, as it does by default, gains most in the last epochs, so be patient [default: 0].
    #[arg(long, value_name = "N")]
    pub patience: Option<u32>,
    /// Stop after so many epochs of the run, to be resumed later.
    #[arg(long, value_name = "EPOCHS")]
    pub stop_after: Option<u32>,
    /// Keep the checkpoint of every Nth epoch, OUT/epoch_N, beside the best model and the latest checkpoint [default: 1].
    #[arg(long, value_name = "N")]
    pub save_every: Option<u32>,
    /// Go on from a checkpoint, such as OUT/latest, with its settings unless others are given.
    #[arg(long, value_name = "FOLDER")]
    pub resume: Option<PathBuf>,
    /// Where to write models and logs [default: output].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Remove the run that is in that folder.
    #[arg(long)]
    pub overwrite: bool,
    /// Threads that load photos [default: as the configuration says, or all of the processor].
    #[arg(long)]
    pub workers: Option<u32>,
}

/// Options of `photonet infer`.
#[derive(Debug, Args)]
pub struct InferOptions {
    /// Photos, or folders of photos.
    pub photos: Vec<PathBuf>,
    #[command(flatten)]
    pub config: ConfigOptions,
    /// Model file, or the folder it is in.
    #[arg(short, long)]
    pub model: Option<PathBuf>,
    /// How many classes to show.
    #[arg(short = 'k', long)]
    pub topk: Option<usize>,
    /// Form of the result.
    #[arg(long, default_value = "text")]
    pub format: InferFormat,
    /// Give the logits as well (with --format json).
    #[arg(long)]
    pub logits: bool,
    /// Give the SHA-256 of the bytes that the network gets as well (with --format json): another machine or a
    /// browser that reads and resizes the photo in the same way has the same.
    #[arg(long)]
    pub input_hash: bool,
    /// Numbers on a GPU: f32, or f16, which takes half the memory and rounds to three digits at each layer.
    #[arg(long, default_value = "f32")]
    pub precision: Precision,
    /// Photos in a batch.
    #[arg(long)]
    pub batch: Option<u32>,
}

/// Options of `photonet devices`.
#[derive(Debug, Args)]
pub struct DevicesOptions {
    /// Form of the result.
    #[arg(long, default_value = "text")]
    pub format: TextOrJson,
}

/// Which network.
#[derive(Clone, Debug, Args)]
pub struct NetworkOptions {
    /// Network.
    #[arg(long, default_value = "small")]
    pub arch: Arch,
    /// Factor on the channel counts.
    #[arg(long, default_value_t = 1.0)]
    pub width: f64,
    /// Classes.
    #[arg(long, default_value_t = 1000)]
    pub classes: usize,
    /// Side of the network's input in pixels.
    #[arg(long, default_value_t = 224)]
    pub size: usize,
    /// Family: paddle, torchvision, timm or timm-tf.
    #[arg(long, default_value = "paddle")]
    pub family: String,
}

/// Options of `photonet summary`.
#[derive(Debug, Args)]
pub struct SummaryOptions {
    #[command(flatten)]
    pub network: NetworkOptions,
    /// Summarise this model file instead.
    #[arg(short, long)]
    pub model: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, default_value = "text")]
    pub format: TextOrJson,
}

/// Options of `photonet check`.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// Only kernels whose name contains this.
    pub filter: Option<String>,
    /// Which device: auto, discrete, integrated, software, or part of its name.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Form of the result.
    #[arg(long, default_value = "text")]
    pub format: TextOrJson,
}

/// How numbers lie in a GPU's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Half precision.
    F16,
}

impl Precision {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// What it means for a network.
    pub fn of_network(self) -> photonet_model::Precision {
        match self {
            Self::F32 => photonet_model::Precision::Single,
            Self::F16 => photonet_model::Precision::Half,
        }
    }
}

/// Options of `photonet bench`.
#[derive(Debug, Args)]
pub struct BenchOptions {
    #[command(flatten)]
    pub network: NetworkOptions,
    /// Measure a training step instead of inference.
    #[arg(long)]
    pub train: bool,
    /// Numbers on the GPU: f32, or f16: weights and activations of inference, activations and their gradients of training.
    /// --suite measures both.
    #[arg(long, default_value = "f32")]
    pub precision: Precision,
    /// Images in a batch.
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    /// Timed runs; the median is shown.
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Measure only what the device can do at best: bytes copied and multiply-accumulates in a second.
    #[arg(long, conflicts_with_all = ["suite", "scaling"])]
    pub limits: bool,
    /// Measure both networks, inference and training, in the batches that suit the device.
    #[arg(long, conflicts_with_all = ["scaling", "train", "precision"])]
    pub suite: bool,
    /// Measure 5 sizes times 5 batches of the small network: the cost should grow as the pixels do.
    #[arg(long)]
    pub scaling: bool,
    /// Draw what --scaling measures.
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Measure what this computer can load for training: photos of a folder with a sub-folder for each class, decoded,
    /// cut and resized, an epoch and --runs more. Needs no device.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = [
        "limits", "suite", "scaling", "train", "precision", "device", "batch", "arch", "width", "classes", "family",
    ])]
    pub photos: Option<PathBuf>,
    /// Threads that load photos [default: all of the processor].
    #[arg(long, requires = "photos")]
    pub workers: Option<u32>,
    /// Which device: auto, discrete, integrated, software, or part of its name.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Form of the result.
    #[arg(long, default_value = "text")]
    pub format: TextOrJson,
}

/// Options of `photonet tune`.
#[derive(Debug, Args)]
pub struct TuneOptions {
    #[command(flatten)]
    pub network: NetworkOptions,
    /// Images in a batch of training; inference is measured with one.
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    /// Timed runs of each variant; the shortest counts.
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Which device: auto, discrete, integrated, software, or part of its name.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Form of the result.
    #[arg(long, default_value = "text")]
    pub format: TextOrJson,
}

/// The two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// 11 blocks.
    Small,
    /// 15 blocks.
    Large,
}

/// Form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Form of predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InferFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

impl Arch {
    /// The network of that name.
    pub fn variant(self) -> photonet_model::Variant {
        match self {
            Self::Small => photonet_model::Variant::Small,
            Self::Large => photonet_model::Variant::Large,
        }
    }
}

impl NetworkOptions {
    /// The network that the options describe.
    pub fn architecture(&self) -> Result<photonet_model::Architecture, photonet_model::ModelError> {
        let variant = self.arch.variant();
        let architecture =
            photonet_model::Architecture::new(self.family.parse()?, variant, self.width, self.classes)?;
        architecture.check_size(self.size)?;
        Ok(architecture)
    }
}

/// An optimiser's name as in `Optimizer.name`, from one in any case.
fn optimizer(text: &str) -> Result<&'static str, String> {
    let names = OptimizerMethod::ALL.map(|method| method.name());
    let known = names.into_iter().find(|name| name.eq_ignore_ascii_case(text));
    known.ok_or_else(|| format!("there are {}", names.join(", ").to_lowercase()))
}

/// Refuses a count of nothing.
pub fn positive(flag: &str, value: Option<u32>) -> Result<Option<u32>, CliError> {
    match value {
        Some(0) => Err(CliError::Usage(format!("{flag} 0 leaves nothing to do: use at least 1"))),
        other => Ok(other),
    }
}
