//! `photonet train`.

use crate::arguments::{Precision, TrainOptions, positive};
use crate::error::CliError;
use crate::interrupt;
use crate::machine::{open_device, refuse_cpu};
use crate::output::say;
use photonet_train::checkpoint::{BEST_AVERAGE, Checkpoint};
use photonet_train::config::{Config, Pretrained, ScheduleKind, Task};
use photonet_train::dataset::{count, open_config};
use photonet_train::trainer::{Outcome, RunOptions, train};
use photonet_train::{Standing, load_model};
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// Runs the command.
pub fn run(options: &TrainOptions) -> Result<ExitCode, CliError> {
    let config = configure(options)?;
    refuse_cpu(&config.global.device)?;
    let split = open_config(&config)?;
    match split.train_report.check_level() {
        Err(error) if !options.nested && options.photos.is_some() && options.resume.is_none() => {
            return Err(error.into());
        }
        // What a file says is done, as ever.
        Err(error) if !options.nested => eprintln!("photonet: warning: {error}"),
        _ => {}
    }
    let gpu = open_device(&config.global.device)?;
    let run = RunOptions {
        resume: options.resume.clone(),
        stop_after: options.stop_after,
        overwrite: options.overwrite,
        terminal: std::io::stdout().is_terminal(),
    };
    if !config.ignored.is_empty() {
        eprintln!("photonet: these keys have no effect here: {}", config.ignored.join(", "));
    }
    for warning in &config.warnings {
        eprintln!("photonet: {warning}");
    }
    let outcome = train(&gpu, &config, split, &run, &*interrupt::flag()?)?;
    if outcome.interrupted {
        return Ok(ExitCode::from(interrupt::STATUS));
    }
    say(closing_words(&outcome, options.stop_after))?;
    Ok(ExitCode::SUCCESS)
}

fn closing_words(outcome: &Outcome, stop_after: Option<u32>) -> String {
    let Outcome { epochs, of, metric_k, .. } = outcome;
    let model = outcome.model.display();
    let best = outcome.best.map(|Standing { accuracy, epoch, .. }| {
        format!("best top-{metric_k} {accuracy:.4} in epoch {epoch}; ")
    });
    let mut lines = vec![
        format!("{}the model is {model}", best.unwrap_or_default()),
        format!("classify photos with: photonet infer --model {model} PHOTO..."),
    ];
    if let Some(Standing { accuracy, epoch, .. }) = outcome.best_average {
        lines.insert(
            1,
            format!("the averaged weights' best top-{metric_k} is {accuracy:.4}, in epoch {epoch}: {BEST_AVERAGE} beside it"),
        );
    }
    if let Some(patience) = outcome.impatient {
        let words = format!(
            "top-{metric_k} has not improved for {}, the run's patience, after {epochs} of {of} epochs",
            count(patience as usize, "evaluation", "evaluations")
        );
        let latest = outcome.latest.display();
        match outcome.done_before {
            true => lines.insert(
                0,
                format!("the run is finished, as {words}: give a larger --patience, or 0, to go on"),
            ),
            false => {
                lines.push(format!("{words}; go on with: photonet train --resume {latest} --patience 0"))
            }
        }
        return lines.join("\n");
    }
    match stop_after.filter(|_| epochs < of) {
        Some(stop) if outcome.done_before => lines.insert(
            0,
            format!(
                "nothing to do up to --stop-after {stop}: {epochs} of {of} epochs are done; give a larger number, or \
                 leave it out, to go on"
            ),
        ),
        Some(_) => lines.push(format!(
            "stopped after {epochs} of {of} epochs; go on with: photonet train --resume {}",
            outcome.latest.display()
        )),
        None if outcome.done_before => {
            let done = match epochs > of {
                true => format!("{epochs} epochs are done, {of} asked for"),
                false => format!("{epochs} of {of} epochs"),
            };
            lines.insert(0, format!("the run is finished ({done}): give --epochs N to go on"));
        }
        None => {}
    }
    lines.join("\n")
}

/// Where the flags start from: a file; the configuration of the run to go on with; or the defaults,
/// with a learning rate that depends on the batch and a warm-up that depends on the epochs.
fn base(options: &TrainOptions) -> Result<Config, CliError> {
    let given = &options.config;
    if let Some(path) = &given.config {
        if let Some(optimizer) = options.optimizer {
            return Err(CliError::Usage(format!(
                "--optimizer is for runs without a file: change what {} says by -o Optimizer.name={optimizer}, its settings and its \
                 learning rate with it",
                path.display(),
            )));
        }
        return Ok(Config::load(Task::Train, path, &given.overrides)?);
    }
    let mut overrides = given.overrides.clone();
    if let Some(optimizer) = options.optimizer {
        overrides.insert(0, format!("Optimizer.name={optimizer}"));
    }
    let defaults = || Config::from_yaml("", "the defaults", &overrides);
    // What -o changes may stand in the configuration of the run to go on with alone.
    let checkpoint = match &options.resume {
        Some(folder) => Some(folder.clone()),
        None => defaults()?.global.checkpoints,
    };
    if let Some(folder) = &checkpoint {
        let origin = format!("the configuration in {}", folder.display());
        let state = Checkpoint::load(folder)?.state;
        if let Some(other) = options.optimizer.filter(|name| *name != state.optimiser) {
            return Err(CliError::Usage(format!(
                "{} goes on with {}, whose state it holds, and not with {other}: leave --optimizer out, or start anew from \
                 its model by --from",
                folder.display(),
                state.optimiser
            )));
        }
        return Ok(Config::from_yaml(&state.config, &origin, &given.overrides)?);
    }
    let mut config = defaults()?;
    if !config.gives("Optimizer.lr") {
        let batch = options.batch.unwrap_or(config.train.batch_size);
        config.optimizer.schedule.learning_rate = config.usual_rate(batch, false);
        config.set_epochs(config.global.epochs);
    }
    Ok(config)
}

/// Takes over a model's network and preprocessing. Without a file, what the run is like as well: shorter than one from scratch,
/// with another optimiser and a lower learning rate.
fn start_from(config: &mut Config, path: &Path, options: &TrainOptions) -> Result<(), CliError> {
    let model = load_model(path)?;
    if options.arch.is_some() || options.width.is_some() {
        return Err(CliError::Usage(
            "--from takes the network of the model: leave --arch and --width out".into(),
        ));
    }
    config.arch.pretrained = Pretrained::Path(path.to_path_buf());
    // Or a file's would be taken in its place.
    config.global.pretrained_model = None;
    config.adopt(&model, options.size);
    if options.config.config.is_none() {
        let warmup = config.optimizer.schedule.warmup_epoch;
        config.set_fine_tuning();
        if config.gives("Optimizer.lr") {
            config.optimizer.schedule.warmup_epoch = warmup;
        } else {
            let batch = options.batch.unwrap_or(config.train.batch_size);
            config.optimizer.schedule.learning_rate = config.usual_rate(batch, true);
        }
    }
    Ok(())
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
        config.arch.variant = arch.variant();
    }
    if let Some(width) = options.width {
        config.arch.width = width;
    }
    if let Some(path) = &options.from {
        start_from(&mut config, path, options)?;
    } else if let Some(size) = options.size {
        config.set_size(size);
    }
    options.augment.apply(&mut config)?;
    if let Some(frozen) = options.freeze_until {
        config.arch.freeze_until = frozen;
    }
    if let Some(frozen) = options.freeze_bn {
        config.arch.freeze_bn = frozen;
    }
    if let Some(rate) = options.head_lr {
        if !(rate.is_finite() && rate >= 0.0) {
            return Err(CliError::Usage(format!("--head-lr {rate} is no factor: use a number such as 10")));
        }
        config.optimizer.head_lr = rate;
    }
    positive("--stop-after", options.stop_after)?;
    if let Some(interval) = positive("--save-every", options.save_every)? {
        config.global.save_interval = interval;
    }
    if let Some(patience) = options.patience {
        config.global.patience = patience;
    }
    if let Some(epochs) = positive("--epochs", options.epochs)? {
        // A warm-up that a file, an override or the run to go on with has chosen stays.
        match options.config.config.is_some() || config.gives("Optimizer.lr") {
            true => config.global.epochs = epochs,
            false => config.set_epochs(epochs),
        }
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
        if matches!(config.optimizer.schedule.kind, ScheduleKind::Piecewise { .. }) {
            return Err(CliError::Usage(
                "--lr sets one rate, but a Piecewise schedule has several: use -o Optimizer.lr.values=[...]"
                    .into(),
            ));
        }
        config.optimizer.schedule.learning_rate = lr;
    }
    if let Some(precision) = options.precision {
        config.amp = precision == Precision::F16;
    }
    if let Some(seed) = options.seed {
        config.global.seed = seed;
    }
    if let Some(workers) = options.workers {
        (config.train.num_workers, config.eval.num_workers) = (Some(workers), Some(workers));
    }
    if let Some(out) = &options.out {
        config.global.output_dir = out.clone();
    }
    if let Some(device) = &options.config.device {
        config.global.device = device.clone();
    }
    Ok(config)
}
