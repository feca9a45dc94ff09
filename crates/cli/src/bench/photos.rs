//! What this computer can load: photos decoded, cut and resized in a second.

use crate::arguments::{BenchOptions, TextOrJson};
use crate::error::CliError;
use crate::output::say;
use crate::table;
use photonet_train::TrainError;
use photonet_train::config::Config;
use photonet_train::dataset::Dataset;
use photonet_train::loader::{Loader, LoaderOptions, OnError};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

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
    config.train.drop_last = false;
    config.train.num_workers = options.workers.map(|workers| workers.max(1));
    let (dataset, report) = Dataset::from_folder(folder, None)?;
    for warning in report.warnings() {
        eprintln!("photonet: {warning}");
    }
    let photos = dataset.samples.len();
    let setting = LoaderOptions::from_config(&config.train, 0, OnError::Replace);
    let loader =
        Loader::new(Arc::new(dataset), config.train.recipe.clone(), setting).map_err(TrainError::from)?;
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
        TextOrJson::Text => say(describe(photos, &loader, [&first, later])),
        TextOrJson::Json => say(json(photos, &loader, [&first, later])),
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

fn describe(photos: usize, loader: &Loader, epochs: [&Epoch; 2]) -> String {
    let (setting, report, (width, height)) = (loader.options(), loader.report(), loader.image_size());
    let count = photos as f64;
    let row = |(name, epoch): (&str, &Epoch)| {
        let each = |seconds: f64| format!("{:.3}", 1e3 * seconds / count);
        vec![name.into(), format!("{:.0}", count / epoch.seconds), each(epoch.read), each(epoch.transform)]
    };
    let rows: Vec<_> = ["the first", "later ones"].into_iter().zip(epochs).map(row).collect();
    format!(
        "{photos} photos to {width}x{height} pixels on {} threads; {} kept in memory, {:.0} MB of at most {:.0}\n\n{}",
        setting.threads,
        report.cached_images,
        report.cached_bytes as f64 / 1e6,
        setting.cache_bytes as f64 / 1e6,
        table::render(&["epoch", "photos/s", "decoding, ms a photo", "resizing, ms a photo"], &rows),
    )
}

fn json(photos: usize, loader: &Loader, epochs: [&Epoch; 2]) -> serde_json::Value {
    let (setting, report) = (loader.options(), loader.report());
    let [first, later] = epochs.map(|epoch| {
        serde_json::json!({
            "photos_per_second": photos as f64 / epoch.seconds,
            "read_seconds": epoch.read,
            "transform_seconds": epoch.transform,
        })
    });
    serde_json::json!({
        "photos": photos,
        "size": loader.image_size().0,
        "threads": setting.threads,
        "batch": setting.batch_size,
        "cached_photos": report.cached_images,
        "cached_bytes": report.cached_bytes,
        "cache_full": report.cache_full,
        "skipped": report.skipped.len(),
        "first_epoch": first,
        "later_epochs": later,
    })
}
