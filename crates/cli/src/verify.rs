//! `photonet verify`.

use crate::arguments::TextOrJson;
use crate::error::CliError;
use crate::machine::open_device;
use crate::output::say;
use clap::Args;
use photonet_model::TestVector;
use photonet_train::load_model;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `photonet verify`.
#[derive(Debug, Args)]
pub struct VerifyOptions {
    /// Model file, or the folder it is in.
    pub model: PathBuf,
    /// Which device: auto, discrete, integrated, software, or part of its name.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Form of the result.
    #[arg(long, default_value = "text")]
    pub format: TextOrJson,
}

/// Runs the command.
pub fn run(options: &VerifyOptions) -> Result<ExitCode, CliError> {
    let model = load_model(&options.model)?;
    if model.test_vectors.is_empty() {
        return Err(CliError::Usage(format!(
            "{} has no test vectors: it was imported without a device, or training stopped before an evaluation",
            options.model.display()
        )));
    }
    let gpu = open_device(&options.device)?;
    let errors = pollster::block_on(model.verify(&gpu))?;
    let device = gpu.adapter().name.clone();
    let passed = errors.iter().all(|e| *e <= TestVector::TOLERANCE);
    if options.format == TextOrJson::Json {
        say(serde_json::json!({
            "device": device, "errors": errors, "tolerance": TestVector::TOLERANCE, "passed": passed,
        }))?;
    } else {
        for (vector, error) in model.test_vectors.iter().zip(&errors) {
            say(format_args!(
                "noise image {}: {} logits differ by at most {error:.1e} of the largest",
                vector.seed,
                vector.logits.len()
            ))?;
        }
        let verdict =
            if passed { "the model works as it should" } else { "the model gives OTHER RESULTS here" };
        say(format_args!("{verdict} on {device} (up to {:.0e} is rounding)", TestVector::TOLERANCE))?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
