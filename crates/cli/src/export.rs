//! `photonet export`.

use crate::error::CliError;
use crate::output::say;
use crate::place;
use clap::{Args, ValueEnum};
use photonet_model::export::{OnnxOptions, onnx, safetensors};
use photonet_model::{Naming, write_atomically};
use photonet_train::{find_model, load_model};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `photonet export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Within a family an export gives back the very bits that were imported. Between torchvision and timm it works \
at width 1.0; where the other project has no network that computes the same, it is refused with the reasons.")]
pub struct ExportOptions {
    /// Model file, or the folder it is in.
    pub model: PathBuf,
    /// Kind of file.
    #[arg(long)]
    pub format: ExportFormat,
    /// Store filters and matrices in 16 bits.
    #[arg(long)]
    pub half: bool,
    /// Fold batch normalisation into the convolutions (ONNX; the default).
    #[arg(long, conflicts_with = "unfolded")]
    pub folded: bool,
    /// Leave batch normalisation as it is (ONNX).
    #[arg(long)]
    pub unfolded: bool,
    /// Where to write the file.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// ONNX, for onnxruntime, onnxruntime-web and others.
    Onnx,
    /// Safetensors in torchvision's names.
    SafetensorsTorchvision,
    /// Safetensors in timm's names.
    SafetensorsTimm,
    /// Safetensors in PaddleClas's names and layout.
    SafetensorsPaddle,
}

/// Runs the command.
pub fn run(options: &ExportOptions) -> Result<ExitCode, CliError> {
    let naming = match options.format {
        ExportFormat::Onnx => None,
        ExportFormat::SafetensorsTorchvision => Some(Naming::Torchvision),
        ExportFormat::SafetensorsTimm => Some(Naming::Timm),
        ExportFormat::SafetensorsPaddle => Some(Naming::Paddle),
    };
    if naming.is_some() && (options.folded || options.unfolded) {
        return Err(CliError::Usage(
            "--folded and --unfolded are for ONNX: the other projects load batch normalisation as it is"
                .into(),
        ));
    }
    let path = find_model(&options.model)?;
    place::not_over("--out", &options.out, &[&path])?;
    let model = load_model(&path)?;
    let bytes = match naming {
        Some(naming) => safetensors(&model, naming, options.half),
        None => onnx(&model, &OnnxOptions { folded: !options.unfolded, half: options.half }),
    };
    let bytes = bytes.map_err(|source| CliError::Export { model: path, source })?;
    write_atomically(&options.out, &bytes)?;
    say(format_args!("wrote {} ({:.1} MB)", options.out.display(), bytes.len() as f64 / 1e6))?;
    Ok(ExitCode::SUCCESS)
}
