//! Everything that is measured of a device, in one command.

use super::report;
use super::work::Work;
use crate::arguments::{Arch, BenchOptions, NetworkOptions, Precision, TextOrJson};
use crate::error::CliError;
use crate::output::say;
use crate::table;
use photonet_gpu::{DeviceClass, DeviceLimits, Gpu};
use std::sync::Arc;

/// Inputs' sides for the growth of the cost with the area, in sevenths of the largest: 96 to 224 pixels.
const SEVENTHS: [usize; 5] = [3, 4, 5, 6, 7];

/// What the frameworks' tutorials train small networks with.
const LITTLE: (usize, usize) = (96, 16);

/// What is measured of each work.
const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::F16];

fn work(
    options: &NetworkOptions,
    train: bool,
    arch: Arch,
    size: usize,
    batch: usize,
    precision: Precision,
) -> Work {
    Work { network: NetworkOptions { arch, size, ..options.clone() }, train, batch, precision }
}

/// What is measured of a device of this class.
fn works(class: DeviceClass, options: &NetworkOptions) -> Vec<Work> {
    let (infer, train): (&[usize], &[usize]) = match class {
        DeviceClass::Discrete => (&[1, 64, 256], &[64, 128, 256]),
        DeviceClass::Integrated => (&[1, 16], &[16, 32]),
        DeviceClass::Software => (&[1], &[8]),
    };
    let mut works = Vec::new();
    for arch in [Arch::Small, Arch::Large] {
        for precision in PRECISIONS {
            let one = |train, batch| work(options, train, arch, options.size, batch, precision);
            works.extend(infer.iter().map(|&batch| one(false, batch)));
            works.extend(train.iter().map(|&batch| one(true, batch)));
        }
    }
    let (size, batch) = LITTLE;
    if size < options.size {
        works.extend(PRECISIONS.map(|precision| work(options, true, Arch::Small, size, batch, precision)));
    }
    works
}

/// Sizes times batches, of which the cost should grow by the number of pixels.
fn grid(class: DeviceClass, options: &BenchOptions) -> Vec<Work> {
    let BenchOptions { ref network, train, precision, .. } = *options;
    let batches = match class {
        DeviceClass::Discrete => [16, 32, 64, 128, 256],
        DeviceClass::Integrated => [4, 8, 16, 32, 64],
        DeviceClass::Software => [1, 2, 4, 8, 16],
    };
    let one = |size| batches.map(|batch| work(network, train, Arch::Small, size, batch, precision));
    SEVENTHS.into_iter().map(|part| network.size * part / 7).flat_map(one).collect()
}

/// Measures the list. What a device cannot hold is said in its row and does not end the rest.
pub async fn run(gpu: &Arc<Gpu>, options: &BenchOptions) -> Result<(), CliError> {
    let limits = DeviceLimits::measure(gpu).await?;
    let text = options.format == TextOrJson::Text;
    if text {
        say(report::limits_line(&limits))?;
    }
    let mut rows = Vec::new();
    for work in works(gpu.class(), &options.network) {
        let line = match work.measure(gpu, options.runs).await {
            Ok(measured) if text => {
                let median = measured.median_ms();
                rows.push(vec![
                    work.name(),
                    format!("{median:.2}"),
                    format!("{:.1}", work.batch as f64 / median * 1e3),
                    format!("{:.1}", work.batch as f64 / measured.sustained_ms * 1e3),
                    format!("{:.1}", measured.planned_bytes as f64 / 1e6 / work.batch as f64),
                    measured.report.dispatches.to_string(),
                    String::new(),
                ]);
                continue;
            }
            Ok(measured) => report::json(&work, gpu, &limits, &measured),
            Err(error) if text => {
                let none = String::new;
                rows.push(vec![work.name(), none(), none(), none(), none(), none(), error.to_string()]);
                continue;
            }
            Err(error) => serde_json::json!({ "work": work.name(), "error": error.to_string() }),
        };
        say(line)?;
    }
    if text {
        let header = ["work", "median ms", "images/s", "images/s in a row", "MB an image", "dispatches", ""];
        say(table::render(&header, &rows))?;
    }
    Ok(())
}

/// Measures the grid, and says how far the cost is from growing with the number of pixels.
pub async fn scaling(gpu: &Arc<Gpu>, options: &BenchOptions) -> Result<(), CliError> {
    let mut points: Vec<Point> = Vec::new();
    for work in grid(gpu.class(), options) {
        let measured = work.measure(gpu, options.runs).await?;
        let (size, batch) = (work.network.size, work.batch);
        points.push(Point { size, batch, ms: measured.median_ms() });
        if options.format == TextOrJson::Json {
            let megapixels = points.last().map_or(0.0, Point::megapixels);
            say(serde_json::json!({
                "task": work.task(), "precision": work.precision.name(), "size": size, "batch": batch,
                "megapixels": megapixels,
                "median_ms": measured.median_ms(), "device": gpu.adapter().name,
            }))?;
        }
    }
    if let Some(file) = &options.plot {
        let title = format!("{} of MobileNetV3 small, {}", points_task(options.train), gpu.adapter().name);
        std::fs::write(file, super::plot::svg(&title, &points))
            .map_err(|error| CliError::Usage(format!("cannot write {}: {error}", file.display())))?;
    }
    if options.format == TextOrJson::Text {
        let rows: Vec<Vec<String>> = points
            .iter()
            .map(|p| {
                let [size, batch] = [p.size, p.batch].map(|n| n.to_string());
                vec![size, batch, format!("{:.2}", p.ms), format!("{:.1}", p.ms / p.megapixels())]
            })
            .collect();
        say(table::render(&["size", "batch", "median ms", "ms a megapixel"], &rows))?;
    }
    Ok(())
}

fn points_task(train: bool) -> &'static str {
    if train { "Training step" } else { "Inference" }
}

/// One measurement of the grid.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub size: usize,
    pub batch: usize,
    pub ms: f64,
}

impl Point {
    /// Pixels of the batch, in millions.
    pub fn megapixels(&self) -> f64 {
        (self.size * self.size * self.batch) as f64 / 1e6
    }
}
