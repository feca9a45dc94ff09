//! `photonet inspect`.

use crate::arguments::TextOrJson;
use crate::error::CliError;
use crate::output::say;
use clap::Args;
use photonet_model::{ParameterLayout, TrainingFacts};
use photonet_train::dataset::first;
use photonet_train::load_model;
use photonet_vision::{Recipe, Resampler, Transform};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `photonet inspect`.
#[derive(Debug, Args)]
pub struct InspectOptions {
    /// Model file, or the folder it is in.
    pub model: PathBuf,
    /// Form of the result; json has every label and test vector.
    #[arg(long, default_value = "text")]
    pub format: TextOrJson,
}

/// How many labels are shown to people.
const SHOWN_LABELS: usize = 8;

/// Runs the command.
pub fn run(options: &InspectOptions) -> Result<ExitCode, CliError> {
    let model = load_model(&options.model)?;
    let parameters = ParameterLayout::new(&model.architecture).parameter_count();
    if options.format == TextOrJson::Json {
        say(serde_json::json!({
            "architecture": model.architecture, "parameters": parameters,
            "tensors": model.weights.tensors.len(), "labels": model.labels,
            "preprocessing": model.recipe, "training": model.facts, "test_vectors": model.test_vectors,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!("network        {}", model.architecture))?;
    say(format_args!("weights        {parameters} parameters in {} tensors", model.weights.tensors.len()))?;
    let s = &model.architecture.switches;
    say(format_args!(
        "switches       epsilon {}, gate slope {}, {} padding, {}, dropout {}{}",
        s.bn_epsilon,
        s.gate_slope,
        if s.same_padding { "SAME" } else { "symmetric" },
        if s.minimal { "minimal (no squeeze-excite, ReLU, 3x3)" } else { "squeeze-excite and hardswish" },
        s.dropout,
        if s.downscale_in_infer { " (scales at inference)" } else { "" },
    ))?;
    say(format_args!("labels         {}", first(SHOWN_LABELS, model.labels.iter().cloned())))?;
    for line in preprocessing(&model.recipe) {
        say(format_args!("preprocessing  {line}"))?;
    }
    say(format_args!("origin         {}", origin(&model.facts)))?;
    say(format_args!(
        "test vectors   {}",
        match model.test_vectors.len() {
            0 => "none".into(),
            n => format!("{n}; `photonet verify` replays them"),
        }
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn preprocessing(recipe: &Recipe) -> Vec<String> {
    let how = |r: &Resampler| format!("{:?} {:?}", r.library, r.interpolation).to_lowercase();
    let step = |t: &Transform| match t {
        Transform::RandomCrop { size, resampler, .. } => {
            format!("random crop to {size} ({})", how(resampler))
        }
        Transform::Augment(step) => step.to_string(),
        Transform::ResizeShort { size, resampler } => format!("short side to {size} ({})", how(resampler)),
        Transform::Resize { width, height, resampler } => format!("to {width}x{height} ({})", how(resampler)),
        Transform::CenterCrop { size } => format!("middle {size}x{size}"),
        Transform::ResizeThenCrop { short, size, resampler } => {
            format!(
                "short side to {short} ({}), middle {size}x{size}, rounded as in torchvision",
                how(resampler)
            )
        }
    };
    let first = "upright by EXIF, transparency on white".to_string();
    let last = format!("(byte * {} - {:?}) / {:?}", recipe.scale, recipe.mean, recipe.std);
    std::iter::once(first).chain(recipe.transforms.iter().map(step)).chain([last]).collect()
}

fn origin(facts: &TrainingFacts) -> String {
    let trained = match (facts.epochs, facts.top1) {
        (0, None) => None,
        (epochs, top1) => Some(format!(
            "trained {epochs} epochs on {} photos{}",
            facts.train_images,
            top1.map_or(String::new(), |t| format!(", top-1 {:.1} % of {}", 100.0 * t, facts.val_images))
        )),
    };
    let imported = facts.origin.as_ref().map(|o| format!("imported from {} ({})", o.file, o.format));
    let parts: Vec<String> = imported.into_iter().chain(trained).collect();
    let made = if parts.is_empty() { "not trained".into() } else { parts.join("; ") };
    format!("{made}; Photonet {}", facts.version)
}
