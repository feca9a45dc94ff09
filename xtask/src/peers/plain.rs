//! The first plain version of Photonet beside the present one.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::bench::{self, Measured, Work};
use super::kinds::{self, Times};
use super::report::{Comparison, Sample};
use super::{Context, Part, Stop, create};
use crate::{program, setup, shell};

/// The first version with training, evaluation and a command line: every kernel plain.
const COMMIT: &str = "c3255de";

const OURS: &str = "Photonet";
const PLAIN: &str = "plain version";

/// At least twice as fast.
const AT_MOST: Option<f64> = Some(0.5);

/// What is measured, and the bound.
const WORKS: [(Work, Option<f64>); 5] = [
    (Work { train: true, arch: "small", size: 96, batch: 16, runs: 9 }, AT_MOST),
    (Work { train: false, arch: "small", size: 224, batch: 1, runs: 21 }, AT_MOST),
    (Work { train: false, arch: "large", size: 224, batch: 1, runs: 21 }, AT_MOST),
    (Work { train: true, arch: "small", size: 224, batch: 8, runs: 5 }, None),
    (Work { train: true, arch: "large", size: 224, batch: 8, runs: 5 }, None),
];

/// Measures both versions in turns.
///
/// # Errors
/// When the commit or a software GPU is not here, or a side fails.
pub fn measure(context: &mut Context) -> Result<Vec<Comparison>, Stop> {
    let driver = setup::software_driver().map_err(Stop::Missing)?;
    let plain = build(&context.folder.join("plain"))?;
    let works = WORKS.iter().filter(|(_, bound)| bound.is_some() || !context.quick);
    let named = |(work, _): &(Work, _)| (work.to_string(), Times::default(), Times::default());
    let mut times: Vec<(String, Times, Times)> = works.clone().map(named).collect();
    for round in 1..=context.rounds {
        for ((work, _), (_, before, after)) in works.clone().zip(&mut times) {
            let mut adapters = Vec::new();
            for (side, program, kernels) in [(OURS, &context.photonet, after), (PLAIN, &plain, before)] {
                let Measured { median_ms, device, kinds, .. } =
                    bench::run(work.command(program).env(setup::DRIVERS, &driver))?;
                kernels.add(&kinds);
                adapters.push(device.clone());
                let (part, work, side) = (Part::Plain, work.to_string(), side.to_string());
                context.record.add(Sample { part, work, side, round, ms: median_ms, adapter: device })?;
            }
            if adapters.windows(2).any(|pair| pair[0] != pair[1]) {
                return Err(
                    format!("the two versions ran on different adapters: {}", adapters.join(", ")).into()
                );
            }
        }
    }
    context.notes.push((Part::Plain, kinds::table(PLAIN, OURS, &times)));
    let comparison = |(work, at_most): &(Work, _)| Comparison {
        work: work.to_string(),
        ours: OURS,
        peers: &[PLAIN],
        at_most: *at_most,
    };
    Ok(works.map(comparison).collect())
}

/// Builds the plain version in a folder of its own; returns its program.
fn build(folder: &Path) -> Result<PathBuf, Stop> {
    println!("\nThe plain version, commit {COMMIT} (a few minutes the first time)");
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        extract(folder)?;
    }
    let target = folder.join("target");
    let mut command = shell::cargo(&["build", "--release", "-p", "photonet-cli", "--manifest-path"]);
    // It knows nothing of a target directory that the environment may name, which holds the present version.
    shell::run(command.arg(&manifest).arg("--target-dir").arg(&target)).map_err(|message| {
        Stop::Missing(format!(
            "the plain version does not build ({message}); its dependencies come from the network the first time"
        ))
    })?;
    Ok(target.join("release").join(program::file_name()))
}

/// Unpacks the commit's files. An archive leaves nothing in the repository, as another working tree would.
fn extract(folder: &Path) -> Result<(), Stop> {
    let root = shell::root();
    let commit = format!("{COMMIT}^{{commit}}");
    if shell::ask("git", &["-C", &root.to_string_lossy(), "rev-parse", "--verify", "--quiet", &commit])
        .is_none()
    {
        return Err(Stop::Missing(format!(
            "commit {COMMIT} is not in this copy of the repository: in a shallow clone `git fetch --unshallow` brings it"
        )));
    }
    create(folder)?;
    let archive = folder.join("plain.tar");
    let missing = |message: String| Stop::Missing(format!("the plain version's files: {message}"));
    shell::run(
        Command::new("git")
            .current_dir(&root)
            .args(["archive", "--format=tar", "-o"])
            .arg(&archive)
            .arg(COMMIT),
    )
    .and_then(|()| shell::run(Command::new("tar").current_dir(folder).args(["-xf", "plain.tar"])))
    .map_err(missing)?;
    // It is not needed any more, and does no harm where it stays.
    let _ = std::fs::remove_file(&archive);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_step_has_a_bound_and_a_quick_run_leaves_the_longest_out() {
        let bound: Vec<_> =
            WORKS.iter().filter(|(_, bound)| bound.is_some()).map(|(work, _)| work.to_string()).collect();
        assert_eq!(bound[0], "training step, small, 96 px, batch 16");
        assert_eq!(bound.len(), 3);
    }
}
