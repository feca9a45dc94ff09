//! `photonet eval`.

mod report;
mod text;

use crate::adopt::{check_network, preprocessing};
use crate::arguments::{ConfigOptions, Precision, TextOrJson, positive};
use crate::error::CliError;
use crate::machine::open_machine;
use crate::output::say;
use crate::place;
use clap::Args;
use photonet_model::{Model, write_atomically};
use photonet_train::config::{Config, Task};
use photonet_train::dataset::{Dataset, DatasetReport, ListOptions, is_photo, open_config_eval};
use photonet_train::evaluate::{evaluate, telling};
use photonet_train::load_model;
use photonet_train::loader::LoaderOptions;
use report::Subject;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `photonet eval`.
#[derive(Debug, Args)]
pub struct EvalOptions {
    #[command(flatten)]
    pub config: ConfigOptions,
    /// Model file, or the folder it is in.
    #[arg(short, long)]
    pub model: Option<PathBuf>,
    /// Photos: a folder with a sub-folder for each class, or a list file with a path and a label a line.
    #[arg(short, long, value_name = "DIR|LIST")]
    pub data: Option<PathBuf>,
    /// Numbers on a GPU: f32, or f16, which takes half the memory and rounds to three digits at each layer.
    #[arg(long, default_value = "f32")]
    pub precision: Precision,
    /// Photos in a batch.
    #[arg(long)]
    pub batch: Option<u32>,
    /// How many of the surest mistakes to name.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub mistakes: usize,
    /// Write a page of it all as well, with the mistakes' pictures: one file, which needs no network and no script.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Form of the result.
    #[arg(long, default_value = "text")]
    pub format: TextOrJson,
}

/// Where a configuration says how photos to evaluate on are prepared.
const TRANSFORMS: &str = "DataLoader.Eval.dataset.transform_ops";

/// Runs the command.
pub fn run(options: &EvalOptions) -> Result<ExitCode, CliError> {
    let given = &options.config;
    // Before anything takes long.
    options.report.as_deref().map_or(Ok(()), |path| place::for_page("--report", path))?;
    let batch = positive("--batch", options.batch)?;
    let config = given.load(Task::Eval)?;
    let pretrained = config.as_ref().and_then(|c| c.global.pretrained_model.clone());
    let path = options.model.clone().or(pretrained).ok_or_else(|| {
        CliError::Usage("no model given: use --model FILE, or -o Global.pretrained_model=FILE with -c".into())
    })?;
    let mut model = load_model(&path)?;
    if let Some(config) = &config {
        check_network(config, &model, &path)?;
        if config.gives(TRANSFORMS) {
            preprocessing(&mut model, &config.eval.recipe, TRANSFORMS, given)?;
        }
    }
    let (dataset, report) = match (&options.data, &config) {
        (Some(data), _) => open_labelled(data, &model.labels)?,
        (None, Some(config)) => open_config_eval(config, &model.labels)?,
        (None, None) => {
            return Err(CliError::Usage(
                "no photos given: use --data FOLDER or --data LIST, or -c FILE.yaml".into(),
            ));
        }
    };
    check_labels(&dataset, &model)?;
    for warning in report.warnings() {
        eprintln!("photonet: {warning}");
    }
    let topk = accuracies(config.as_ref(), model.architecture.classes);
    let device = given.device.clone().or_else(|| config.as_ref().map(|c| c.global.device.clone()));
    let machine = open_machine(device.as_deref().unwrap_or("auto"), options.precision)?;
    let batch = batch.or_else(|| config.as_ref().map(|c| c.eval.batch_size)).unwrap_or(64);
    let loader = LoaderOptions::eval(batch as usize);
    let result =
        pollster::block_on(evaluate(&machine, &model, dataset, loader, &topk, options.mistakes, |_| ()))?;
    for (path, reason) in &result.unreadable {
        eprintln!("photonet: left out {}: {reason}", path.display());
    }
    match options.format {
        TextOrJson::Json => say(serde_json::to_string(&result)?)?,
        TextOrJson::Text => say(text::describe(&result))?,
    }
    if result.images == 0 {
        return Err(CliError::Usage(format!(
            "none of the {} photos could be read: nothing was measured",
            result.skipped
        )));
    }
    if let Some(out) = &options.report {
        let photos =
            options.data.as_deref().or(given.config.as_deref()).unwrap_or(Path::new("DataLoader.Eval"));
        let page = report::page(&Subject { model: &model, path: &path, photos }, &result);
        write_atomically(out, page.as_bytes())?;
        let wrote = format!("wrote {} ({:.1} MB)", out.display(), page.len() as f64 / 1e6);
        // The output is one JSON object.
        match options.format {
            TextOrJson::Json => eprintln!("photonet: {wrote}"),
            TextOrJson::Text => say(format_args!("\n{wrote}"))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Photos of a folder per class, or of a list file with paths relative to it.
fn open_labelled(data: &Path, labels: &[String]) -> Result<(Dataset, DatasetReport), CliError> {
    if data.is_file() && is_photo(data) {
        return Err(CliError::Usage(format!(
            "{} is a photo: --data takes a folder with a sub-folder of photos for each class, or a list file with a path \
             and a label a line; `photonet infer` classifies single photos",
            data.display()
        )));
    }
    if data.is_file() {
        let root = data.parent().unwrap_or(Path::new("."));
        let options = ListOptions { labels: Some(labels.to_vec()), ..ListOptions::default() };
        return Ok(Dataset::from_list(data, root, &options)?);
    }
    let list = data.join("val_list.txt");
    if list.is_file() {
        return open_labelled(&list, labels);
    }
    Ok(Dataset::from_folder(data, Some(labels))?)
}

fn check_labels(dataset: &Dataset, model: &Model) -> Result<(), CliError> {
    let classes = model.architecture.classes;
    match dataset.samples.iter().find(|s| s.label as usize >= classes) {
        None => Ok(()),
        Some(sample) => Err(CliError::Usage(format!(
            "{} has label {}, but the model tells only {classes} classes apart (0 to {})",
            sample.path.display(),
            sample.label,
            classes - 1
        ))),
    }
}

/// Each k of top-k accuracy to report: those of a configuration that it says something for.
fn accuracies(config: Option<&Config>, classes: usize) -> Vec<u32> {
    // The default is no wish.
    let Some(config) = config.filter(|c| c.gives("Metric")) else { return telling(&[1, 5], classes).0 };
    let (kept, unsaid) = telling(&config.metric.eval, classes);
    for k in unsaid {
        eprintln!("photonet: top-{k} says nothing with {classes} classes and is left out");
    }
    kept
}
