//! `photonet infer`.

use crate::adopt::{check_network, preprocessing};
use crate::arguments::{InferFormat, InferOptions, positive};
use crate::error::CliError;
use crate::machine::open_machine;
use photonet_model::Model;
use photonet_train::config::{Config, Task};
use photonet_train::dataset::LabelList;
use photonet_train::load_model;
use photonet_train::predict::{Prediction, collect_photos, listed_photos, predict};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Where a configuration says how photos to classify are prepared.
const TRANSFORMS: &str = "Infer.transforms";

#[derive(Serialize)]
struct Top<'a> {
    index: usize,
    label: &'a str,
    probability: f32,
}

#[derive(Serialize)]
struct Line<'a> {
    file: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top: Vec<Top<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Runs the command.
pub fn run(options: &InferOptions) -> Result<ExitCode, CliError> {
    let given = &options.config;
    let batch = positive("--batch", options.batch)?;
    let config = given.load(Task::Infer)?;
    let pretrained = config.as_ref().and_then(|c| c.global.pretrained_model.clone());
    let path = options.model.clone().or(pretrained).ok_or_else(|| {
        CliError::Usage("no model given: use --model FILE, or -o Global.pretrained_model=FILE with -c".into())
    })?;
    let mut paths = options.photos.clone();
    if let (true, Some(config)) = (paths.is_empty(), &config) {
        let images = config.infer.images.as_deref();
        paths = match &config.infer.list {
            Some(list) => listed_photos(list, images.unwrap_or(Path::new("")))?,
            None => images.map(Path::to_path_buf).into_iter().collect(),
        };
    }
    if paths.is_empty() {
        return Err(CliError::Usage(
            "no photos given: name photos or folders, or use -o Infer.infer_imgs=PATH".into(),
        ));
    }
    let photos = collect_photos(&paths)?;
    let mut model = load_model(&path)?;
    if let Some(config) = &config {
        check_network(config, &model, &path)?;
        if config.gives(TRANSFORMS) {
            preprocessing(&mut model, &config.infer.recipe, TRANSFORMS, given)?;
        }
        adopt_names(config, &mut model)?;
        if config.infer.save_dir.is_some() {
            eprintln!("photonet: Infer.save_dir has no effect here: use --format json or csv and `> FILE`");
        }
    }
    let classes = model.architecture.classes;
    let wanted = options.topk.or_else(|| config.as_ref().map(|c| c.infer.topk as usize)).unwrap_or(5);
    if wanted == 0 {
        return Err(CliError::Usage("--topk 0 shows nothing: use at least 1".into()));
    }
    // The default of 5 is no wish; a larger number given by hand is.
    if wanted > classes && options.topk.is_some() {
        eprintln!(
            "photonet: --topk {wanted} is more than the model's {classes} classes: showing all {classes}"
        );
    }
    let device = given.device.clone().or_else(|| config.as_ref().map(|c| c.global.device.clone()));
    let machine = open_machine(device.as_deref().unwrap_or("auto"), options.precision)?;
    let batch = batch.or_else(|| config.as_ref().map(|c| c.infer.batch_size)).unwrap_or(10) as usize;
    let mut printer =
        Printer { options, labels: &model.labels, topk: wanted.min(classes), failed: 0, error: None };
    printer.header()?;
    pollster::block_on(predict(&machine, &model, &photos, batch, |prediction| printer.tell(&prediction)))?;
    if let Some(error) = printer.error {
        return Err(error);
    }
    if printer.failed > 0 {
        eprintln!("photonet: {} of {} photos could not be read", printer.failed, photos.len());
    }
    // The others have their answers, but a script should notice.
    Ok(if printer.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A file's class names replace the model's where it names every class.
fn adopt_names(config: &Config, model: &mut Model) -> Result<(), CliError> {
    let Some(path) = config.infer.class_id_map_file.as_deref() else { return Ok(()) };
    if !path.is_file() {
        eprintln!(
            "photonet: class_id_map_file {} does not exist: keeping the model's own names",
            path.display()
        );
        return Ok(());
    }
    let list = LabelList::read(path)?;
    let classes = model.labels.len();
    if !list.fits(classes) {
        eprintln!("photonet: {}: keeping the model's own names", list.misfit(classes));
        return Ok(());
    }
    if let Some(text) = list.repeated() {
        eprintln!("photonet: {text}");
    }
    model.labels = list.names;
    Ok(())
}

struct Printer<'a> {
    options: &'a InferOptions,
    labels: &'a [String],
    topk: usize,
    failed: usize,
    error: Option<CliError>,
}

impl Printer<'_> {
    fn header(&self) -> Result<(), CliError> {
        if self.options.format == InferFormat::Csv {
            writeln!(std::io::stdout(), "file,rank,index,label,probability")?;
        }
        Ok(())
    }

    fn tell(&mut self, prediction: &Prediction) {
        if let Err(reason) = &prediction.result {
            self.failed += 1;
            eprintln!("photonet: left out {}: {reason}", prediction.file.display());
        }
        let printed = match self.options.format {
            InferFormat::Text => self.text(prediction),
            InferFormat::Json => self.json(prediction),
            InferFormat::Csv => self.csv(prediction),
        };
        if let (Err(error), None) = (printed, &self.error) {
            self.error = Some(error);
        }
    }

    fn top(&self, prediction: &Prediction) -> Vec<Top<'_>> {
        let ranked = prediction.result.as_ref().map(|s| s.ranked.as_slice()).unwrap_or_default();
        let top = ranked.iter().take(self.topk);
        top.map(|r| Top { index: r.index, label: &self.labels[r.index], probability: r.probability })
            .collect()
    }

    fn text(&self, prediction: &Prediction) -> Result<(), CliError> {
        if prediction.result.is_err() {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", prediction.file.display())?;
        for top in self.top(prediction) {
            writeln!(out, "  {:6.2} %  {}", 100.0 * top.probability, top.label)?;
        }
        Ok(())
    }

    fn json(&self, prediction: &Prediction) -> Result<(), CliError> {
        let scored = prediction.result.as_ref().ok();
        let line = Line {
            file: prediction.file.display().to_string(),
            top: self.top(prediction),
            logits: scored.filter(|_| self.options.logits).map(|s| s.logits.as_slice()),
            input_sha256: scored.filter(|_| self.options.input_hash).map(|s| hash(&s.input)),
            error: prediction.result.as_ref().err().map(String::as_str),
        };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&line)?)?;
        Ok(())
    }

    fn csv(&self, prediction: &Prediction) -> Result<(), CliError> {
        let mut out = std::io::stdout().lock();
        let file = quote(&prediction.file.display().to_string());
        for (rank, top) in self.top(prediction).iter().enumerate() {
            writeln!(out, "{file},{},{},{},{}", rank + 1, top.index, quote(top.label), top.probability)?;
        }
        Ok(())
    }
}

/// SHA-256 in hexadecimal.
fn hash(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A field of comma-separated values after RFC 4180.
fn quote(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_string()
    }
}
