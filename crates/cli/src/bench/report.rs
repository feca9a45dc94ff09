//! What is shown of a measurement.

use super::work::{Measured, Work};
use crate::error::CliError;
use crate::table;
use photonet_gpu::{DeviceLimits, Gpu, Timing};

/// Launches that belong together, and what they took.
#[derive(Default)]
struct Share {
    name: String,
    ms: f64,
    dispatches: usize,
    macs: u64,
    bytes: u64,
}

/// Sums over launches by what `name` says of each, in the order of their first.
fn shares<'a>(timings: &'a [Timing], name: impl Fn(&'a Timing) -> String) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    for timing in timings {
        let name = name(timing);
        let at = shares.iter().position(|share| share.name == name).unwrap_or_else(|| {
            shares.push(Share { name, ..Share::default() });
            shares.len() - 1
        });
        let share = &mut shares[at];
        share.ms += timing.nanoseconds / 1e6;
        share.dispatches += 1;
        share.macs += timing.cost.macs;
        share.bytes += timing.cost.bytes;
    }
    shares
}

/// The kernel without its variant.
fn kernel(timing: &Timing) -> String {
    timing.kernel.split('@').next().unwrap_or(timing.kernel).to_string()
}

/// The layer that a launch's label begins with; a block is one.
fn layer(timing: &Timing) -> String {
    let name = timing.label.split(' ').next().unwrap_or_default();
    let mut parts = name.split('.');
    match (parts.next(), parts.next()) {
        (Some("blocks"), Some(number)) => format!("blocks.{number}"),
        (first, _) => first.unwrap_or_default().to_string(),
    }
}

/// One measurement as an object.
pub fn json(work: &Work, gpu: &Gpu, limits: &DeviceLimits, measured: &Measured) -> serde_json::Value {
    let rows = |shares: Vec<Share>, key: &str| -> Vec<serde_json::Value> {
        let row = |s: &Share| {
            serde_json::json!({
                key: s.name, "ms": s.ms, "dispatches": s.dispatches, "macs": s.macs, "bytes": s.bytes,
            })
        };
        shares.iter().map(row).collect()
    };
    let launch = |timing: &Timing| {
        serde_json::json!({
            "label": timing.label, "kernel": timing.kernel, "us": timing.nanoseconds / 1e3,
            "macs": timing.cost.macs, "bytes": timing.cost.bytes,
        })
    };
    let median = measured.median_ms();
    serde_json::json!({
        "task": work.task(), "arch": work.arch(), "family": work.network.family, "width": work.network.width,
        "size": work.network.size, "batch": work.batch, "precision": work.precision.name(),
        "half": gpu.half().name(), "matrix_units": gpu.matrix_units().map(|units| units.edge),
        "subgroups": gpu.subgroups(), "robust": gpu.is_robust(), "device": gpu.adapter().name,
        "driver": gpu.adapter().driver, "version": env!("CARGO_PKG_VERSION"),
        "median_ms": median, "images_per_second": work.batch as f64 / median * 1e3,
        "sustained_ms": measured.sustained_ms,
        "sustained_images_per_second": work.batch as f64 / measured.sustained_ms * 1e3,
        "host_ms": measured.host_median_ms(), "cold_ms": measured.cold_ms, "first_ms": measured.first_ms, "runs_ms": measured.runs_ms,
        "pipelines": gpu.pipeline_count(), "dispatches": measured.report.dispatches,
        "recorded": gpu.records(), "phases": measured.report.phases,
        "macs": measured.report.macs, "traffic_bytes": measured.report.traffic_bytes,
        "transient_bytes": measured.report.transient_bytes, "planned_bytes": measured.planned_bytes,
        "allocated_bytes": measured.allocated_bytes,
        "copy_bytes_per_second": limits.copy_bytes_per_second, "macs_per_second": limits.macs_per_second,
        "kinds": rows(shares(&measured.timings, kernel), "kind"),
        "layers": rows(shares(&measured.timings, layer), "layer"),
        "launches": measured.timings.iter().map(launch).collect::<Vec<_>>(),
    })
}

/// The same for people.
pub fn describe(
    work: &Work,
    gpu: &Gpu,
    limits: &DeviceLimits,
    measured: &Measured,
) -> Result<String, CliError> {
    let architecture = work.network.architecture()?;
    let task = if work.train { "training step" } else { "inference" };
    let (size, batch) = (work.network.size, work.batch);
    let median = measured.median_ms();
    let report = &measured.report;
    let used =
        measured.allocated_bytes.map_or(String::new(), |bytes| format!(", {} given", megabytes(bytes)));
    let mut lines = vec![
        format!("{task} of {architecture}, {size}x{size}, batch {batch}, on {}", gpu.adapter().name),
        format!(
            "median {median:.1} ms, {:.1} images/s ({} runs; {:.0} ms from nothing to the first result, with {} \
             pipelines)",
            batch as f64 / median * 1e3,
            measured.runs_ms.len(),
            measured.cold_ms,
            gpu.pipeline_count()
        ),
        format!(
            "{:.1} ms, {:.1} images/s in a row, the input on the device already",
            measured.sustained_ms,
            batch as f64 / measured.sustained_ms * 1e3
        ),
        format!(
            "{} dispatches in {} phases, {:.2} billion MACs, {} moved; submitted within {:.2} ms{}",
            report.dispatches,
            report.phases,
            report.macs as f64 / 1e9,
            megabytes(report.traffic_bytes),
            measured.host_median_ms(),
            if gpu.records() { ", recorded beforehand" } else { "" },
        ),
        format!(
            "device memory: {} planned{used}, {} of it shared by what lives one after the other (unshared: {})",
            megabytes(measured.planned_bytes),
            megabytes(report.transient_bytes),
            megabytes(report.unpooled_bytes)
        ),
        limits_line(limits),
        String::new(),
    ];
    let mut kinds = shares(&measured.timings, kernel);
    kinds.sort_by(|a, b| b.ms.total_cmp(&a.ms));
    lines.push(share_table("kernel", &kinds, limits));
    lines.push(String::new());
    lines.push(share_table("layer", &shares(&measured.timings, layer), limits));
    let total: f64 = kinds.iter().map(|share| share.ms).sum();
    let how = if gpu.has_timestamps() { "device timestamps" } else { "one submit each" };
    lines.push(format!("\n{total:.1} ms in kernels, timed by {how}"));
    Ok(lines.join("\n"))
}

/// The device's rates in words.
pub fn limits_line(limits: &DeviceLimits) -> String {
    format!(
        "the device's best: {:.1} GB/s copied, {:.1} GMAC/s in registers",
        limits.copy_bytes_per_second / 1e9,
        limits.macs_per_second / 1e9
    )
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn share_table(what: &str, shares: &[Share], limits: &DeviceLimits) -> String {
    let total: f64 = shares.iter().map(|share| share.ms).sum();
    let row = |s: &Share| {
        let seconds = (s.ms / 1e3).max(1e-12);
        let percent = |of: f64| if of.is_finite() { format!("{:.0}", 100.0 * of) } else { "-".into() };
        vec![
            s.name.clone(),
            s.dispatches.to_string(),
            format!("{:.2}", s.ms),
            format!("{:.1}", 100.0 * s.ms / total.max(1e-9)),
            format!("{:.2}", s.bytes as f64 / 1e6),
            format!("{:.2}", s.bytes as f64 / seconds / 1e9),
            percent(s.bytes as f64 / seconds / limits.copy_bytes_per_second),
            format!("{:.2}", s.macs as f64 / seconds / 1e9),
            percent(s.macs as f64 / seconds / limits.macs_per_second),
        ]
    };
    let rows: Vec<Vec<String>> = shares.iter().map(row).collect();
    let header = [what, "dispatches", "ms", "%", "MB moved", "GB/s", "% of copy", "GMAC/s", "% of best"];
    table::render(&header, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use photonet_gpu::Cost;

    fn timing(label: &str, kernel: &'static str) -> Timing {
        let cost = Cost { macs: 10, bytes: 20 };
        Timing { label: label.into(), kernel, nanoseconds: 5e5, cost, questions: Vec::new() }
    }

    #[test]
    fn launches_are_summed_by_kernel_and_by_layer() {
        let timings = [
            timing("stem forward", "dense/forward"),
            timing("blocks.1.expand forward", "pointwise/forward@64x64"),
            timing("blocks.1.expand bn statistics", "batch_norm/statistics"),
            timing("blocks.10.project forward", "pointwise/forward@32x32"),
        ];
        let names = |shares: &[Share]| shares.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        let kinds = shares(&timings, kernel);
        assert_eq!(names(&kinds), ["dense/forward", "pointwise/forward", "batch_norm/statistics"]);
        assert_eq!((kinds[1].dispatches, kinds[1].macs, kinds[1].bytes, kinds[1].ms), (2, 20, 40, 1.0));
        assert_eq!(names(&shares(&timings, layer)), ["stem", "blocks.1", "blocks.10"]);
    }
}
