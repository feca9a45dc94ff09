//! `photonet train`.

use crate::arguments::{Arch, TrainOptions, positive};
use crate::error::{CliError, open_device};
use crate::interrupt;
use crate::output::say;
use photonet_train::checkpoint::Checkpoint;
use photonet_train::config::{Config, Variant};
use photonet_train::dataset::open_config;
use photonet_train::trainer::{Outcome, RunOptions, train};
use std::io::IsTerminal;
use std::process::ExitCode;

/// Batch for which the default learning rate is meant.
const REFERENCE_BATCH: f64 = 32.0;

/// Runs the command.
pub fn run(options: &TrainOptions) -> Result<ExitCode, CliError> {
    let config = configure(options)?;
    let split = open_config(&config)?;
    let gpu = open_device(&config.global.device)?;
    let run = RunOptions {
        resume: options.resume.clone(),
        stop_after: options.stop_after,
        terminal: std::io::stdout().is_terminal(),
    };
    if !config.ignored.is_empty() {
        eprintln!("photonet: these keys have no effect here: {}", config.ignored.join(", "));
    }
    let outcome = train(&gpu, &config, split, &run, &*interrupt::flag()?)?;
    if outcome.interrupted {
        return Ok(ExitCode::from(interrupt::STATUS));
    }
    say(closing_words(&outcome))?;
    Ok(ExitCode::SUCCESS)
}

fn closing_words(outcome: &Outcome) -> String {
    let model = outcome.model.display();
    let best = outcome.best.map(|(top1, epoch)| format!("best top-1 {top1:.4} in epoch {epoch}; "));
    format!(
        "{}the model is {model}\nclassify photos with: photonet infer --model {model} PHOTO...",
        best.unwrap_or_default()
    )
}

/// Where the flags start from: a file; the configuration of the run to go on with; or the defaults,
/// with a learning rate that depends on the batch and a warm-up that depends on the epochs.
fn base(options: &TrainOptions) -> Result<Config, CliError> {
    let given = &options.config;
    if let Some(path) = &given.config {
        return Ok(Config::load(path, &given.overrides)?);
    }
    let mut config = Config::from_yaml("", "the defaults", &given.overrides)?;
    if let Some(folder) = options.resume.as_ref().or(config.global.checkpoints.as_ref()) {
        let origin = format!("the configuration in {}", folder.display());
        return Ok(Config::from_yaml(&Checkpoint::load(folder)?.state.config, &origin, &given.overrides)?);
    }
    if given.overrides.iter().all(|o| !o.starts_with("Optimizer.lr")) {
        let batch = options.batch.unwrap_or(config.train.batch_size);
        config.optimizer.schedule.learning_rate *= f64::from(batch) / REFERENCE_BATCH;
        config.set_epochs(config.global.epochs);
    }
    Ok(config)
}

/// The configuration: that of [`base`], changed by `-o` and then by the flags.
fn configure(options: &TrainOptions) -> Result<Config, CliError> {
    let mut config = base(options)?;
    if let Some(photos) = &options.photos {
        config.train.image_root = Some(photos.clone());
        // A folder given by hand replaces the lists of the file.
        config.train.cls_label_path = None;
        config.eval.cls_label_path = None;
    } else if config.train.image_root.is_none() {
        return Err(CliError::Usage(
            "no photos given: use `photonet train FOLDER` with a sub-folder of photos for each class, \
             or `-c FILE.yaml` with DataLoader.Train.dataset.image_root"
                .into(),
        ));
    }
    if let Some(arch) = options.arch {
        config.arch.variant = match arch {
            Arch::Small => Variant::Small,
            Arch::Large => Variant::Large,
        };
    }
    if let Some(width) = options.width {
        config.arch.width = width;
    }
    if let Some(size) = options.size {
        config.set_size(size);
    }
    positive("--stop-after", options.stop_after)?;
    if let Some(epochs) = positive("--epochs", options.epochs)? {
        config.set_epochs(epochs);
    }
    if let Some(batch) = positive("--batch", options.batch)? {
        config.train.batch_size = batch;
    }
    if let Some(lr) = options.lr {
        if !(lr.is_finite() && lr >= 0.0) {
            return Err(CliError::Usage(format!(
                "--lr {lr} is not a learning rate: use a number such as 0.05"
            )));
        }
        config.optimizer.schedule.learning_rate = lr;
    }
    if let Some(seed) = options.seed {
        config.global.seed = seed;
    }
    if let Some(workers) = options.workers {
        (config.train.num_workers, config.eval.num_workers) = (workers, workers);
    }
    if let Some(out) = &options.out {
        config.global.output_dir = out.clone();
    }
    if let Some(device) = &options.config.device {
        config.global.device = device.clone();
    }
    Ok(config)
}
