//! `photonet embed`.

use crate::arguments::{Precision, positive};
use crate::error::CliError;
use crate::machine::open_machine;
use crate::output::say;
use crate::place;
use clap::{Args, ValueEnum};
use photonet_model::{Features, Layers, write_atomically};
use photonet_train::load_model;
use photonet_train::predict::{collect_photos, embed};
use photonet_weights::npy;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `photonet embed`.
#[derive(Debug, Args)]
pub struct EmbedOptions {
    /// Photos, or folders of photos.
    #[arg(required = true)]
    pub photos: Vec<PathBuf>,
    /// Model file, or the folder it is in.
    #[arg(short, long)]
    pub model: PathBuf,
    /// Which vector: pooled is before the head's 1x1, head after it and its activation
    /// [default: both as json, head as npy].
    #[arg(long)]
    pub features: Option<FeatureChoice>,
    /// Form of the result: one JSON object a photo, or a matrix of one row a photo.
    #[arg(long, default_value = "json")]
    pub format: EmbedFormat,
    /// Where to write the matrix; the photos of its rows are named beside it, a path a line, in FILE.txt.
    #[arg(long, value_name = "FILE.npy", required_if_eq("format", "npy"))]
    pub out: Option<PathBuf>,
    /// Photos in a batch.
    #[arg(long, default_value_t = 10)]
    pub batch: u32,
    /// Which device: auto, discrete, integrated, software, or part of its name; or cpu, which auto takes where there
    /// is no GPU.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Numbers on a GPU: f32, or f16, which takes half the memory and rounds to three digits at each layer.
    #[arg(long, default_value = "f32")]
    pub precision: Precision,
}

/// Which vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FeatureChoice {
    /// Before the head's 1x1 convolution.
    Pooled,
    /// After it and its activation.
    Head,
}

/// Form of the vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EmbedFormat {
    /// One JSON object a line.
    Json,
    /// NumPy's file of a matrix.
    Npy,
}

/// Collects or prints vectors as they come.
struct Sink<'a> {
    options: &'a EmbedOptions,
    matrix: Vec<f32>,
    /// The photos of its rows, a line each.
    names: String,
    failed: usize,
    error: Option<CliError>,
}

impl Sink<'_> {
    fn take(&mut self, file: &Path, result: Result<Features, String>) {
        match result {
            Err(reason) => {
                self.failed += 1;
                eprintln!("photonet: left out {}: {reason}", file.display());
            }
            Ok(features) if self.options.format == EmbedFormat::Npy => {
                let head = self.options.features != Some(FeatureChoice::Pooled);
                // A line break in a name would be one more row.
                self.names += &file.display().to_string().replace(['\n', '\r'], "\u{fffd}");
                self.names.push('\n');
                self.matrix.extend(if head { features.head } else { features.pooled });
            }
            Ok(features) => {
                let printed = say(line(file, &features, self.options.features));
                if let (Err(error), None) = (printed, &self.error) {
                    self.error = Some(error);
                }
            }
        }
    }
}

fn line(file: &Path, features: &Features, choice: Option<FeatureChoice>) -> serde_json::Value {
    let mut line = serde_json::json!({ "file": file.display().to_string() });
    if choice != Some(FeatureChoice::Head) {
        line["pooled"] = features.pooled.clone().into();
    }
    if choice != Some(FeatureChoice::Pooled) {
        line["head"] = features.head.clone().into();
    }
    line
}

/// Runs the command.
pub fn run(options: &EmbedOptions) -> Result<ExitCode, CliError> {
    let batch = positive("--batch", Some(options.batch))?.unwrap_or(1) as usize;
    if options.out.is_some() && options.format == EmbedFormat::Json {
        return Err(CliError::Usage(
            "--out is for --format npy; JSON goes to the output: use `> FILE`".into(),
        ));
    }
    let names = options.out.as_ref().map(|out| out.with_extension("txt"));
    if let (Some(out), Some(names)) = (&options.out, &names) {
        place::for_matrix("--out", out)?;
        if names.exists() && !out.exists() {
            return Err(CliError::Usage(format!(
                "the photos of {} would be named in {}, which is there already: give another --out, or remove it first",
                out.display(),
                names.display()
            )));
        }
    }
    let photos = collect_photos(&options.photos)?;
    let model = load_model(&options.model)?;
    let machine = open_machine(&options.device, options.precision)?;
    let mut sink = Sink { options, matrix: Vec::new(), names: String::new(), failed: 0, error: None };
    pollster::block_on(embed(&machine, &model, &photos, batch, |file, result| sink.take(file, result)))?;
    if let Some(error) = sink.error {
        return Err(error);
    }
    if sink.failed > 0 {
        eprintln!("photonet: {} of {} photos could not be read", sink.failed, photos.len());
    }
    if sink.failed == photos.len() {
        return Ok(ExitCode::FAILURE);
    }
    if let (Some(out), Some(names)) = (&options.out, &names) {
        let layers = Layers::new(&model.architecture);
        let pooled = options.features == Some(FeatureChoice::Pooled);
        let columns = if pooled { layers.last.outputs } else { layers.head };
        write_atomically(out, &npy::matrix(columns, &sink.matrix))?;
        write_atomically(names, sink.names.as_bytes())?;
        say(format_args!(
            "wrote {}: {} rows of {columns}, and {}: the photo of each row, a line each",
            out.display(),
            photos.len() - sink.failed,
            names.display()
        ))?;
    }
    Ok(if sink.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
