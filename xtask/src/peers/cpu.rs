//! The processor's path natively, beside onnxruntime on one thread.

use std::process::Command;

use super::models::{Models, NETWORKS};
use super::report::{Comparison, Sample};
use super::rows::Line;
use super::{Context, Part, Stop};
use crate::shell;

const OURS: &str = "photonet-native";
const ORT: &[&str] = &["onnxruntime"];

/// At most three times onnxruntime's time.
const AT_MOST: Option<f64> = Some(3.0);

/// Timed runs of each side in a round.
const RUNS: &str = "200";

/// Measures both in turns, with the same weights.
///
/// # Errors
/// When the peers' scripts or Python cannot be had here, or a side fails.
pub fn measure(context: &mut Context) -> Result<Vec<Comparison>, Stop> {
    let script = context.script("ort_bench.py")?;
    let models = Models::prepare(context)?;
    let example = ["--release", "-p", "photonet-cpu", "--example", "latency"];
    println!("\nPhotonet's own, built");
    shell::run(shell::cargo(&["build"]).args(example))?;
    for round in 1..=context.rounds {
        let mut ours = shell::cargo(&["run"]);
        ours.args(example).args(["--quiet", "--", RUNS]);
        ours.args(NETWORKS.map(|network| models.ours.join(format!("{network}.safetensors"))));
        let mut theirs = Command::new(&models.python);
        theirs.arg(&script).arg(&models.onnx).args(["--threads", "1", "--runs", RUNS]);
        for command in [&mut ours, &mut theirs] {
            let said = shell::run_capturing(command)?;
            for line in said.lines().filter_map(Line::read) {
                let Some(ms) = line.median_ms else { continue };
                let (part, work, side) = (Part::Cpu, work(&line.model), line.peer);
                context.record.add(Sample { part, work, side, round, ms, adapter: line.adapter })?;
            }
        }
    }
    let comparison = |network| Comparison { work: work(network), ours: OURS, peers: ORT, at_most: AT_MOST };
    Ok(NETWORKS.map(comparison).to_vec())
}

fn work(network: &str) -> String {
    format!("{network}, natively")
}
