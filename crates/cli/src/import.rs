//! `photonet import`.

use crate::arguments::TextOrJson;
use crate::error::CliError;
use crate::machine::{open_device, refuse_cpu};
use crate::output::say;
use crate::place;
use clap::{Args, ValueEnum};
use photonet_model::import::{ImportError, ImportOptions as Request, Imported, import};
use photonet_model::{Model, TestVector};
use photonet_train::dataset::read_labels;
use photonet_vision::Interpolation;
use photonet_weights::{MAX_FILE_BYTES, ReadError, ReadOptions, read, sniff};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `photonet import`.
#[derive(Debug, Args)]
#[command(after_help = "\
What a file cannot tell follows from its family:
  PaddleClas   epsilon 1e-5, symmetric padding, short side 256 by OpenCV's bilinear, ImageNet's mean and std
  torchvision  epsilon 1e-3, symmetric padding, short side 256 by Pillow's bilinear, ImageNet's mean and std
  timm         epsilon 1e-5, symmetric padding, short side 256 by Pillow's bicubic, ImageNet's mean and std
  timm tf_     epsilon 1e-3, SAME padding, short side 256 by Pillow's bicubic, mean and std 0.5
timm's two kinds have the same names and shapes: a file whose name or metadata says tf_mobilenetv3 is taken \
for the second.

Nothing in a file is executed: pickles are read by a list of the few names that weights need.")]
pub struct ImportOptions {
    /// Weights: .safetensors, PyTorch .pth or .pt, PaddleClas .pdparams.
    pub file: PathBuf,
    /// Which network, instead of recognising it: a published name, such as tf_mobilenetv3_small_100.
    #[arg(long, value_name = "NAME")]
    pub arch: Option<String>,
    /// Names of the classes, `id name` a line [default: ImageNet's for 1000 classes, else numbers].
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Side of the network's input in pixels [default: 224].
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<u32>,
    /// Bring the short side of photos to this before the crop [default: 256/224 of the size].
    #[arg(long, value_name = "PIXELS")]
    pub resize_short: Option<u32>,
    /// How photos are resized [default: the family's].
    #[arg(long)]
    pub interpolation: Option<ResizeInterpolation>,
    /// Resize without antialiasing, in OpenCV's way, where the family resizes in Pillow's.
    #[arg(long)]
    pub no_antialias: bool,
    /// Mean of red, green and blue, on the scale of 0 to 1 [default: the family's].
    #[arg(long, value_name = "R,G,B", value_parser = triple)]
    pub mean: Option<[f32; 3]>,
    /// Standard deviation of red, green and blue, on the scale of 0 to 1 [default: the family's].
    #[arg(long, value_name = "R,G,B", value_parser = triple)]
    pub std: Option<[f32; 3]>,
    /// Epsilon of batch normalisation [default: the family's].
    #[arg(long, value_name = "NUMBER")]
    pub bn_epsilon: Option<f32>,
    /// Padding of convolutions [default: the family's].
    #[arg(long)]
    pub padding: Option<Padding>,
    /// Which dictionary of a PyTorch checkpoint [default: the first of model_ema, state_dict_ema,
    /// state_dict, model].
    #[arg(long, value_name = "NAME")]
    pub dictionary: Option<String>,
    /// Import what fits, start the rest afresh, and list both.
    #[arg(long)]
    pub allow_partial: bool,
    /// Where to write the model.
    #[arg(long, value_name = "MODEL.safetensors")]
    pub out: PathBuf,
    /// Device that makes the test vector: auto, discrete, integrated, software, or part of its name.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Form of the report; json lists every tensor.
    #[arg(long, default_value = "text")]
    pub format: TextOrJson,
}

/// How photos are resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResizeInterpolation {
    /// The nearest pixel.
    Nearest,
    /// Linear.
    Bilinear,
    /// Cubic.
    Bicubic,
    /// The mean over the covered area.
    Area,
    /// Windowed sinc.
    Lanczos,
}

impl From<ResizeInterpolation> for Interpolation {
    fn from(interpolation: ResizeInterpolation) -> Self {
        match interpolation {
            ResizeInterpolation::Nearest => Self::Nearest,
            ResizeInterpolation::Bilinear => Self::Bilinear,
            ResizeInterpolation::Bicubic => Self::Bicubic,
            ResizeInterpolation::Area => Self::Area,
            ResizeInterpolation::Lanczos => Self::Lanczos,
        }
    }
}

/// Padding of convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Padding {
    /// The same on both sides.
    Symmetric,
    /// TensorFlow's SAME: one more at the end where it does not divide.
    Same,
}

/// Three numbers with commas between them.
fn triple(text: &str) -> Result<[f32; 3], String> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|n| n.trim().parse()).collect();
    let numbers = numbers.map_err(|e| e.to_string())?;
    numbers
        .try_into()
        .map_err(|n: Vec<f32>| format!("three numbers are needed, such as 0.5,0.5,0.5, not {}", n.len()))
}

/// Runs the command.
pub fn run(options: &ImportOptions) -> Result<ExitCode, CliError> {
    refuse_cpu(&options.device)?;
    let inputs = [Some(&options.file), options.labels.as_ref()];
    let inputs: Vec<&Path> = inputs.into_iter().flatten().map(PathBuf::as_path).collect();
    place::not_over("--out", &options.out, &inputs)?;
    let fail = |source| CliError::Import { file: options.file.clone(), source: Box::new(source) };
    let bytes = read_weights(&options.file).map_err(fail)?;
    let read_options = ReadOptions { dictionary: options.dictionary.clone() };
    let file = read(&bytes, &read_options).map_err(|e| fail(e.into()))?;
    let request = Request {
        file_name: options.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        arch: options.arch.clone(),
        labels: options.labels.as_deref().map(read_labels).transpose()?,
        size: options.size,
        resize_short: options.resize_short,
        interpolation: options.interpolation.map(Into::into),
        no_antialias: options.no_antialias,
        mean: options.mean,
        std: options.std,
        bn_epsilon: options.bn_epsilon,
        same_padding: options.padding.map(|p| p == Padding::Same),
        allow_partial: options.allow_partial,
    };
    let Imported { mut model, report } = import(&file, &request).map_err(fail)?;
    add_test_vector(&mut model, &options.device)?;
    model.save(&options.out)?;
    if options.format == TextOrJson::Json {
        say(serde_json::to_string(&report)?)?;
    } else {
        say(report.to_string().trim_end())?;
        say(format_args!("wrote {}", options.out.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A machine without a device can still import; the model then has nothing to verify with.
fn add_test_vector(model: &mut Model, device: &str) -> Result<(), CliError> {
    match open_device(device) {
        Ok(gpu) => model.test_vectors.push(pollster::block_on(TestVector::record(&gpu, model))?),
        Err(error) => eprintln!("photonet: the model gets no test vector, since there is no device: {error}"),
    }
    Ok(())
}

/// Reads a file that may be weights. What cannot be is refused by its first bytes and its length.
fn read_weights(path: &Path) -> Result<Vec<u8>, ImportError> {
    let io = |source: io::Error| ImportError::Io(source);
    // Before it is opened: Windows opens no folder.
    let facts = path.metadata().map_err(io)?;
    if !facts.is_file() {
        return Err(ImportError::Read(ReadError::Format("it is not a regular file".into())));
    }
    let mut file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.by_ref().take(16).read_to_end(&mut bytes).map_err(io)?;
    sniff(&bytes, facts.len())?;
    // The file may grow while it is read.
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}
