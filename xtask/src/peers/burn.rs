//! Burn's wgpu backend beside Photonet: `benches/burn`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bench::{self, Work};
use super::report::{Comparison, Sample};
use super::{Context, Part, Stop, create, write};
use crate::{setup, shell};

const OURS: &str = "Photonet";
const BURN: &str = "Burn, wgpu";

/// At most a third of Burn's time.
const AT_MOST: Option<f64> = Some(1.0 / 3.0);

const NETWORKS: [&str; 2] = ["small", "large"];

/// Timed runs of each side in a round.
const RUNS: u32 = 24;

/// Written when a network has been tuned, which compiles hundreds of kernels: what an interrupted run leaves is no state to
/// measure from.
const TUNED: &str = "tuned.txt";

/// Measures both in turns, after Burn has tuned its kernels once.
///
/// # Errors
/// When Burn cannot be built or there is no software GPU, or a side fails.
pub fn measure(context: &mut Context) -> Result<Vec<Comparison>, Stop> {
    let driver = setup::software_driver().map_err(Stop::Missing)?;
    let folder = context.folder.join("burn");
    let program = build(&folder)?;
    let sides = NETWORKS.map(|network| Burn {
        program: program.clone(),
        folder: folder.join(network),
        driver: driver.clone(),
        network,
    });
    let mut comparisons = Vec::new();
    for burn in &sides {
        if burn.tune(context)? {
            comparisons.push(comparison(first(burn.network), None));
        }
    }
    for round in 1..=context.rounds {
        for burn in &sides {
            let work = work(burn.network);
            let ours = bench::run(work.command(&context.photonet).env(setup::DRIVERS, &driver))?;
            let sample = |side: &str, ms, adapter: &str| Sample {
                part: Part::Burn,
                work: work.to_string(),
                side: side.into(),
                round,
                ms,
                adapter: adapter.into(),
            };
            context.record.add(sample(OURS, ours.median_ms, &ours.device))?;
            // It does not say what it runs on, but sees the same driver and no other.
            context.record.add(sample(BURN, burn.run(RUNS)?.median_ms, &ours.device))?;
        }
    }
    comparisons.extend(NETWORKS.map(|network| comparison(work(network).to_string(), AT_MOST)));
    Ok(comparisons)
}

fn work(network: &'static str) -> Work {
    Work { train: false, arch: network, size: 224, batch: 1, runs: RUNS }
}

fn first(network: &str) -> String {
    format!("first logits, {network}, nothing cached")
}

fn comparison(work: String, at_most: Option<f64>) -> Comparison {
    Comparison { work, ours: OURS, peers: &[BURN], at_most }
}

fn build(folder: &Path) -> Result<PathBuf, Stop> {
    println!("\nBurn (it builds for ten minutes the first time)");
    let target = folder.join("target");
    let mut command = shell::cargo(&["build", "--release", "--manifest-path", "benches/burn/Cargo.toml"]);
    shell::run(command.arg("--target-dir").arg(&target)).map_err(|message| {
        Stop::Missing(format!(
            "Burn does not build here ({message}); its packages come from the network the first time"
        ))
    })?;
    Ok(target.join(format!("release/burn-bench{}", std::env::consts::EXE_SUFFIX)))
}

/// Burn with one network, and what it keeps for it.
struct Burn {
    program: PathBuf,
    folder: PathBuf,
    driver: OsString,
    network: &'static str,
}

/// What a run of Burn says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Said {
    first_s: f64,
    median_ms: f64,
}

impl Burn {
    /// Has the kernels tuned, unless that was done before, and then records what the first logits take on both sides with nothing
    /// cached. Returns whether it did.
    fn tune(&self, context: &mut Context) -> Result<bool, Stop> {
        let tuned = self.folder.join(TUNED);
        if tuned.is_file() {
            println!("\nBurn's kernels for {} were compiled by an earlier run", self.network);
            return Ok(false);
        }
        println!("\nBurn tunes its kernels for {}, for some minutes, once", self.network);
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)
                .map_err(|error| format!("cannot clear {}: {error}", self.folder.display()))?;
        }
        create(&self.folder)?;
        let said = self.run(1)?;

        // The same for ours: no pipelines of ours, none of the driver's.
        let empty = self.folder.join("empty");
        create(&empty)?;
        let mut command = work(self.network).command(&context.photonet);
        command.env("PHOTONET_CACHE", "off").env(setup::DRIVERS, &self.driver);
        let ours = bench::run(command.env("MESA_SHADER_CACHE_DIR", &empty))?;
        let cold_ms = ours.cold_ms.ok_or_else(|| "photonet bench does not say its cold_ms".to_string())?;
        for (side, ms) in [(OURS, cold_ms), (BURN, said.first_s * 1e3)] {
            let (work, side, adapter) = (first(self.network), side.to_string(), ours.device.clone());
            context.record.add(Sample { part: Part::Burn, work, side, round: 1, ms, adapter })?;
        }
        write(
            &tuned,
            "Burn has tuned its kernels in this folder; without this file the next run does it anew.\n",
        )?;
        Ok(true)
    }

    fn run(&self, runs: u32) -> Result<Said, String> {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).args([self.network, &runs.to_string()]);
        // Its choices are made anew in every run, mostly from kernels that the driver keeps here.
        command.env(setup::DRIVERS, &self.driver).env("MESA_SHADER_CACHE_DIR", self.folder.join("driver"));
        let mut text = String::new();
        shell::run_watching(&mut command, |line| {
            text += line;
            text.push('\n');
        })?;
        Said::read(&text).ok_or_else(|| format!("Burn's bench has printed no times, but:\n{text}"))
    }
}

impl Said {
    /// Reads `small: first logits after 1.5 s` and `small: median 80.1 ms of 24 runs`.
    fn read(text: &str) -> Option<Self> {
        let number = |before: &str| {
            let line = text.lines().find_map(|line| line.split_once(before))?.1;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self { first_s: number(": first logits after ")?, median_ms: number(": median ")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_burn_says_is_read() {
        let text = "small: first logits after 157.3 s\nsmall: median 80.1 ms of 24 runs\n";
        assert_eq!(Said::read(text), Some(Said { first_s: 157.3, median_ms: 80.1 }));
        assert_eq!(Said::read("small: first logits after 157.3 s\n"), None);
    }
}
