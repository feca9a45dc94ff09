//! `photonet data`.

mod findings;
mod survey;

use crate::arguments::{ConfigOptions, TextOrJson, positive};
use crate::error::CliError;
use crate::output::say;
use crate::table;
use clap::Args;
use findings::Findings;
use photonet_train::config::{Config, Task};
use photonet_train::dataset::{SplitOptions, is_photo, open, open_config, open_list};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use survey::{Photos, Survey};

/// Options of `photonet data`.
#[derive(Debug, Args)]
pub struct DataOptions {
    /// Photos: a folder as `train` takes it, or a list file with a path and a label a line.
    #[arg(value_name = "PHOTOS|LIST")]
    pub photos: Option<PathBuf>,
    /// Take class folders for classes even where they have sub-folders of the same names.
    #[arg(long)]
    pub nested: bool,
    /// Look at the photos that this configuration in PaddleClas's YAML keys names.
    #[arg(short, long, value_name = "FILE", conflicts_with = "photos")]
    pub config: Option<PathBuf>,
    /// Change one key of the configuration; can be given many times.
    #[arg(short = 'o', long = "override", value_name = "KEY.SUB=VALUE", conflicts_with = "photos")]
    pub overrides: Vec<String>,
    /// Side of the network's input in pixels, below which photos are small [default: 224, with -c the configuration's].
    #[arg(long)]
    pub size: Option<u32>,
    /// Form of the result.
    #[arg(long, default_value = "text")]
    pub format: TextOrJson,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    ok: bool,
    #[serde(flatten)]
    findings: &'a Findings,
    #[serde(flatten)]
    survey: &'a Survey,
}

/// Runs the command.
pub fn run(options: &DataOptions) -> Result<ExitCode, CliError> {
    let size = positive("--size", options.size)?;
    let given =
        ConfigOptions { config: options.config.clone(), overrides: options.overrides.clone(), device: None };
    let config = given.load(Task::Train)?;
    let photos = open_photos(options, config.as_ref())?;
    let own = config.as_ref().and_then(|config| config.train.recipe.output_size());
    let own = own.map(|(width, height)| width.max(height));
    let survey = Survey::of(&photos, size.or(own).unwrap_or(224));
    let findings = Findings::of(&photos, &survey);
    let ok = findings.errors.is_empty();
    match options.format {
        TextOrJson::Json => {
            let printed = Printed { ok, findings: &findings, survey: &survey };
            say(serde_json::to_string(&printed)?)?;
        }
        TextOrJson::Text => say(describe(&survey, &findings))?,
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open_photos(options: &DataOptions, config: Option<&Config>) -> Result<Photos, CliError> {
    if let Some(config) = config {
        return Ok(Photos::of_split(open_config(config)?));
    }
    let Some(path) = &options.photos else {
        return Err(CliError::Usage(
            "no photos given: use `photonet data FOLDER` with a sub-folder of photos for each class, `photonet data LIST` \
             or `-c FILE.yaml`"
                .into(),
        ));
    };
    if path.is_file() && is_photo(path) {
        return Err(CliError::Usage(format!(
            "{} is a photo: give a folder with a sub-folder of photos for each class, or a list file with a path and a \
             label a line",
            path.display()
        )));
    }
    if path.is_file() {
        let (train, report) = open_list(path, path.parent().unwrap_or(Path::new(".")))?;
        return Ok(Photos { train, val: None, reports: vec![report] });
    }
    let split = open(path, SplitOptions::default())?;
    if !options.nested {
        split.train_report.check_level()?;
    }
    Ok(Photos::of_split(split))
}

fn describe(survey: &Survey, findings: &Findings) -> String {
    let rows = survey.classes.iter().map(|class| {
        let val = class.val.map(|n| n.to_string());
        [Some(class.label.clone()), Some(class.train.to_string()), val].into_iter().flatten().collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let with_val = survey.classes.iter().any(|class| class.val.is_some());
    let header: &[&str] = if with_val { &["class", "train", "val"] } else { &["class", "photos"] };
    format!("{}\n\n{}\n\n{}", survey.summary(), table::render(header, &rows), findings.text())
}
