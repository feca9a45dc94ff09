//! What this computer can load: photos decoded, cut and resized in a second.

use crate::arguments::{BenchOptions, TextOrJson};
use crate::error::CliError;
use crate::output::say;
use crate::table;
use photonet_train::TrainError;
use photonet_train::config::Config;
use photonet_train::dataset::Dataset;
use photonet_train::loader::{Loader, LoaderOptions, LoaderReport, OnError};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// As `photonet train` takes them where nothing else is said.
const BATCH: u32 = 32;

/// One epoch's share of the loader's work.
struct Epoch {
    seconds: f64,
    /// Of all threads together, in seconds.
    read: f64,
    transform: f64,
}

/// Loads the photos of `folder` as training does, for an epoch that decodes them and `runs` more, and says how fast.
pub fn run(folder: &Path, options: &BenchOptions) -> Result<(), CliError> {
    let mut config = Config::defaults();
    config.set_size(u32::try_from(options.network.size).unwrap_or(u32::MAX));
    config.train.batch_size = BATCH.max(u32::try_from(options.batch).unwrap_or(u32::MAX));
    config.train.drop_last = false;
    if let Some(workers) = options.workers {
        config.train.num_workers = workers.max(1);
    }
    let (dataset, report) = Dataset::from_folder(folder, None)?;
    for warning in report.warnings() {
        eprintln!("photonet: {warning}");
    }
    let photos = dataset.samples.len();
    let loading = LoaderOptions::from_config(&config.train, 0, OnError::Replace);
    let loader =
        Loader::new(Arc::new(dataset), config.train.recipe.clone(), loading).map_err(TrainError::from)?;
    let mut epochs = Vec::new();
    for number in 0..=options.runs {
        epochs.push(epoch(&loader, u32::try_from(number).unwrap_or(u32::MAX))?);
    }
    let first = epochs.remove(0);
    epochs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let later = &epochs[epochs.len() / 2];
    let report = loader.report();
    for (path, reason) in &report.skipped {
        eprintln!("photonet: left out {}: {reason}", path.display());
    }
    match options.format {
        TextOrJson::Text => say(describe(photos, &config, &report, [&first, later])),
        TextOrJson::Json => say(json(photos, &config, &report, [&first, later])),
    }
}

fn epoch(loader: &Loader, number: u32) -> Result<Epoch, CliError> {
    let before = loader.report();
    let start = Instant::now();
    for batch in loader.epoch(number) {
        std::hint::black_box(batch.map_err(TrainError::from)?);
    }
    let seconds = start.elapsed().as_secs_f64();
    let after = loader.report();
    Ok(Epoch {
        seconds,
        read: after.read_seconds - before.read_seconds,
        transform: after.transform_seconds - before.transform_seconds,
    })
}

fn describe(photos: usize, config: &Config, report: &LoaderReport, epochs: [&Epoch; 2]) -> String {
    let count = photos as f64;
    let row = |(name, epoch): (&str, &Epoch)| {
        let each = |seconds: f64| format!("{:.3}", 1e3 * seconds / count);
        vec![name.into(), format!("{:.0}", count / epoch.seconds), each(epoch.read), each(epoch.transform)]
    };
    let rows: Vec<_> = ["the first", "later ones"].into_iter().zip(epochs).map(row).collect();
    format!(
        "{photos} photos to {size}x{size} pixels on {} threads; {} kept in memory, {:.0} MB of at most {:.0}\n\n{}",
        config.train.num_workers,
        report.cached_images,
        report.cached_bytes as f64 / 1e6,
        f64::from(config.train.cache_mb) * f64::from(1 << 20) / 1e6,
        table::render(&["epoch", "photos/s", "decoding, ms a photo", "resizing, ms a photo"], &rows),
        size = config.global.image_shape[1],
    )
}

fn json(photos: usize, config: &Config, report: &LoaderReport, epochs: [&Epoch; 2]) -> serde_json::Value {
    let [first, later] = epochs.map(|epoch| {
        serde_json::json!({
            "photos_per_second": photos as f64 / epoch.seconds,
            "read_seconds": epoch.read,
            "transform_seconds": epoch.transform,
        })
    });
    serde_json::json!({
        "photos": photos,
        "size": config.global.image_shape[1],
        "threads": config.train.num_workers,
        "batch": config.train.batch_size,
        "cached_photos": report.cached_images,
        "cached_bytes": report.cached_bytes,
        "cache_full": report.cache_full,
        "skipped": report.skipped.len(),
        "first_epoch": first,
        "later_epochs": later,
    })
}
