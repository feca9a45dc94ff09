//! `photonet bench`.

use crate::arguments::{BenchOptions, TextOrJson};
use crate::error::CliError;
use crate::machine::open_device;
use crate::output::say;
use crate::table;
use photonet_gpu::{Gpu, PlanReport, Timing};
use photonet_model::{
    Architecture, InferenceNetwork, InferenceOptions, Input, TrainBuffers, TrainNetwork, TrainOptions,
    Tuning, initialise,
};
use photonet_nn::Step;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Runs before the timed ones: the first compiles pipelines.
const WARM_UP: usize = 2;

/// What was measured.
struct Measured {
    /// Milliseconds of the first run, with whatever the driver compiles in it.
    first_ms: f64,
    /// Milliseconds of each timed run.
    runs_ms: Vec<f64>,
    report: PlanReport,
    timings: Vec<Timing>,
}

/// Time by kernel family.
#[derive(Default)]
struct Share {
    ms: f64,
    dispatches: usize,
    macs: u64,
    bytes: u64,
}

/// Runs the command.
pub fn run(options: &BenchOptions) -> Result<ExitCode, CliError> {
    let architecture = options.network.architecture()?;
    if options.batch == 0 || options.runs == 0 {
        return Err(CliError::Usage("--batch and --runs must be at least 1".into()));
    }
    let gpu = open_device(&options.device)?;
    let measured = pollster::block_on(measure(&gpu, &architecture, options))?;
    let mut sorted = measured.runs_ms.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let mut shares: BTreeMap<&str, Share> = BTreeMap::new();
    for timing in &measured.timings {
        let share = shares.entry(timing.kernel.split('@').next().unwrap_or(timing.kernel)).or_default();
        share.ms += timing.nanoseconds / 1e6;
        share.dispatches += 1;
        share.macs += timing.cost.macs;
        share.bytes += timing.cost.bytes;
    }
    let mut shares: Vec<(&str, Share)> = shares.into_iter().collect();
    shares.sort_by(|a, b| b.1.ms.total_cmp(&a.1.ms));
    match options.format {
        TextOrJson::Json => say(json(options, &gpu, &measured, median, &shares))?,
        TextOrJson::Text => say(describe(options, &architecture, &gpu, &measured, median, &shares))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(
    gpu: &Arc<Gpu>,
    architecture: &Architecture,
    options: &BenchOptions,
) -> Result<Measured, CliError> {
    let size = options.network.size;
    let batch = options.batch;
    let input = Input { size, scale: 1.0 / 255.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    let weights = initialise(architecture, 0);
    let pixels: Vec<u8> = (0..batch * input.image_bytes()).map(|i| (i * 7 % 251) as u8).collect();
    let time = |run: &dyn Fn() -> Result<(), CliError>| -> Result<(f64, Vec<f64>), CliError> {
        let mut all = Vec::new();
        for _ in 0..WARM_UP + options.runs {
            let start = Instant::now();
            run()?;
            gpu.wait()?;
            all.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok((all[0], all.split_off(WARM_UP)))
    };
    if options.train {
        let buffers = TrainBuffers::new(gpu, architecture, &weights, 2e-5, &Tuning::default()).await?;
        let train = TrainOptions {
            batch,
            input,
            smoothing: 0.0,
            topk: 1,
            dropout_seed: 0,
            tuning: Tuning::default(),
        };
        let network = TrainNetwork::new(&buffers, architecture, &train).await?;
        let labels: Vec<u32> = (0..batch).map(|i| (i % architecture.classes) as u32).collect();
        let samples: Vec<u32> = (0..batch as u32).collect();
        let step = Step { learning_rate: 1e-4, momentum: 0.9, epoch: 0, number: 0 };
        let (first_ms, runs_ms) = time(&|| Ok(network.step(&pixels, &labels, &samples, step)?))?;
        return Ok(Measured {
            first_ms,
            runs_ms,
            report: network.report(),
            timings: network.profile().await?,
        });
    }
    let inference = InferenceOptions { batch, input, count_topk: None };
    let network = InferenceNetwork::new(gpu, architecture, &weights, &inference).await?;
    let (first_ms, runs_ms) = time(&|| {
        network.run(&pixels, &[])?;
        pollster::block_on(network.logits())?;
        Ok(())
    })?;
    Ok(Measured { first_ms, runs_ms, report: network.report(), timings: network.profile().await? })
}

fn json(
    options: &BenchOptions,
    gpu: &Gpu,
    measured: &Measured,
    median: f64,
    shares: &[(&str, Share)],
) -> serde_json::Value {
    let kinds: Vec<serde_json::Value> = shares
        .iter()
        .map(|(kernel, s)| {
            serde_json::json!({
                "kind": kernel, "ms": s.ms, "dispatches": s.dispatches, "macs": s.macs, "bytes": s.bytes,
            })
        })
        .collect();
    serde_json::json!({
        "task": if options.train { "train" } else { "infer" },
        "arch": format!("{:?}", options.network.arch).to_lowercase(),
        "family": options.network.family, "width": options.network.width, "size": options.network.size,
        "batch": options.batch, "device": gpu.adapter().name, "driver": gpu.adapter().driver,
        "median_ms": median, "images_per_second": options.batch as f64 / median * 1e3,
        "first_ms": measured.first_ms, "runs_ms": measured.runs_ms, "pipelines": gpu.pipeline_count(),
        "dispatches": measured.report.dispatches, "macs": measured.report.macs,
        "traffic_bytes": measured.report.traffic_bytes, "transient_bytes": measured.report.transient_bytes,
        "kinds": kinds,
    })
}

fn describe(
    options: &BenchOptions,
    architecture: &Architecture,
    gpu: &Gpu,
    measured: &Measured,
    median: f64,
    shares: &[(&str, Share)],
) -> String {
    let task = if options.train { "training step" } else { "inference" };
    let (size, batch) = (options.network.size, options.batch);
    let what = format!("{task} of {architecture}, {size}x{size}, batch {batch}, on {}", gpu.adapter().name);
    let speed = format!(
        "median {median:.1} ms, {:.1} images/s ({} runs; the first took {:.0} ms with {} pipelines)",
        batch as f64 / median * 1e3,
        measured.runs_ms.len(),
        measured.first_ms,
        gpu.pipeline_count()
    );
    let report = &measured.report;
    let work = format!(
        "{} dispatches, {:.2} billion MACs, {:.1} MB moved, {:.1} MB of buffers (without sharing {:.1} MB)",
        report.dispatches,
        report.macs as f64 / 1e9,
        report.traffic_bytes as f64 / 1e6,
        report.transient_bytes as f64 / 1e6,
        report.unpooled_bytes as f64 / 1e6
    );
    let total: f64 = shares.iter().map(|(_, s)| s.ms).sum();
    let rows: Vec<Vec<String>> = shares
        .iter()
        .map(|(kernel, s)| {
            vec![
                (*kernel).to_string(),
                s.dispatches.to_string(),
                format!("{:.2}", s.ms),
                format!("{:.1}", 100.0 * s.ms / total.max(1e-9)),
                format!("{:.2}", s.macs as f64 / s.ms.max(1e-9) / 1e6),
                format!("{:.2}", s.bytes as f64 / s.ms.max(1e-9) / 1e6),
            ]
        })
        .collect();
    let kinds = table::render(&["kernel", "dispatches", "ms", "%", "GMAC/s", "GB/s"], &rows);
    let how = if gpu.has_timestamps() { "device timestamps" } else { "one submit each" };
    format!("{what}\n{speed}\n{work}\n\n{kinds}\n\n{total:.1} ms in kernels, timed by {how}")
}
