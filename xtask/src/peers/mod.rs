//! `cargo xtask peers`: Photonet beside what its users could take instead, on this machine, in one run and in turns.
//!
//! Every part measures its sides one after the other, as often as there are rounds; the medians of the rounds are compared. What
//! is downloaded and built for it lies in `target/peers`, and is there for the next run.

mod bench;
mod browser;
mod burn;
mod cpu;
mod kinds;
mod models;
mod plain;
mod report;
mod rows;

use std::path::{Path, PathBuf};

use crate::{options, program, setup, shell};
use models::Models;
use report::{Comparison, Record, Verdict};

/// What Photonet is measured beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first plain version of itself, on a software GPU.
    Plain,
    /// Burn, on a software GPU.
    Burn,
    /// Other engines on WebGPU in a browser.
    Browser,
    /// onnxruntime on the processor, in a browser and natively.
    Cpu,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Burn, Self::Browser, Self::Cpu];

    /// The name for `--only`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Burn => "burn",
            Self::Browser => "browser",
            Self::Cpu => "cpu",
        }
    }
}

/// What measures a part or half of one, and says what is to be compared.
type Measure = fn(&mut Context) -> Result<Vec<Comparison>, Stop>;

/// The sections of the report: each has a peer of its own, that may be missing here.
const SECTIONS: [(Part, &str, Measure); 5] = [
    (Part::Plain, "Beside the first plain version, on the software GPU", plain::measure),
    (Part::Burn, "Beside Burn's wgpu backend, on the software GPU", burn::measure),
    (Part::Browser, "On WebGPU in Chromium, on SwiftShader", browser::webgpu),
    (Part::Cpu, "On the processor in Chromium", browser::processor),
    (Part::Cpu, "On the processor, natively, one thread", cpu::measure),
];

/// Why a section has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// What it needs cannot be had here: says what, and what to do.
    Missing(String),
    /// Something went wrong.
    Broken(String),
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Broken(message)
    }
}

/// What all parts share.
pub struct Context {
    /// Where everything is put.
    folder: PathBuf,
    /// The folder of the peers' scripts, which may not be there.
    scripts: PathBuf,
    /// The built program.
    photonet: PathBuf,
    rounds: u32,
    quick: bool,
    record: Record,
    /// The networks, or why there are none, once a section has asked for them.
    models: Option<Result<Models, Stop>>,
    /// What is printed below the table of a part.
    notes: Vec<(Part, String)>,
}

impl Context {
    fn new(options: &options::Peers) -> Result<Self, String> {
        if let Some(peers) = options.peers.as_ref().filter(|peers| !peers.is_dir()) {
            return Err(format!("--peers: there is no folder {}", peers.display()));
        }
        let record = Record::create(options.out.as_deref())?;
        let scripts = options.peers.clone().unwrap_or_else(scripts);
        let scripts = scripts.canonicalize().unwrap_or(scripts);
        let folder = shell::root().join("target/peers");
        create(&folder)?;
        setup::vulkan();
        let photonet = program::build()?;
        let (rounds, quick) = (options.rounds, options.quick);
        Ok(Self { folder, scripts, photonet, rounds, quick, record, models: None, notes: Vec::new() })
    }

    /// A file among the peers' scripts.
    fn script(&self, name: &str) -> Result<PathBuf, Stop> {
        let path = self.scripts.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Stop::Missing(format!(
            "the peers' scripts are not here: there is no {}; --peers DIR names their folder, or PHOTONET_SHARED the one that \
             it is in",
            path.display()
        )))
    }
}

/// Measures the chosen parts; returns whether all that could be measured is as fast as wanted.
///
/// # Errors
/// When Photonet does not build, or the folder or file that the user names cannot be used.
pub fn run(options: &options::Peers) -> Result<bool, String> {
    let mut context = Context::new(options)?;
    let mut sections = Vec::new();
    for (part, title, measure) in SECTIONS {
        if options.only.is_empty() || options.only.contains(&part) {
            println!("\n==== {}: {title}", part.name());
            let outcome = measure(&mut context);
            if let Err(Stop::Missing(reason) | Stop::Broken(reason)) = &outcome {
                println!("\n{reason}");
            }
            sections.push((part, title, outcome));
        }
    }
    let mut tally = Tally::default();
    println!("\nMedians over the rounds ({}), and the fastest and the slowest round", options.rounds);
    for (part, title, outcome) in &sections {
        println!("\n{title} ({})", part.name());
        match outcome {
            Ok(comparisons) => {
                let rows: Vec<_> = comparisons.iter().map(|one| context.record.compare(*part, one)).collect();
                rows.iter().for_each(|row| tally.add(row.verdict));
                println!("\n{}", report::table(&rows));
                for (_, note) in context.notes.iter().filter(|(of, _)| of == part) {
                    println!("\n{note}");
                }
            }
            Err(Stop::Missing(reason)) => {
                tally.skipped += 1;
                println!("  skipped: {reason}");
            }
            Err(Stop::Broken(message)) => {
                tally.failed += 1;
                println!("  FAILED: {message}");
            }
        }
    }
    println!("\n{tally}");
    Ok(tally.is_good())
}

/// How it went, over all sections.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    met: usize,
    missed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Met => self.met += 1,
            Verdict::Missed => self.missed += 1,
            Verdict::Shown => {}
        }
    }

    /// What was left out is no failure; it says why.
    fn is_good(&self) -> bool {
        self.missed == 0 && self.failed == 0
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "bounds: {} met, {} missed; sections: {} failed, {} skipped",
            self.met, self.missed, self.failed, self.skipped
        )
    }
}

/// Where the peers' scripts lie beside the development data.
fn scripts() -> PathBuf {
    let shared = std::env::var_os("PHOTONET_SHARED").map(PathBuf::from);
    shared.unwrap_or_else(|| shell::root().join("../shared")).join("peers")
}

fn create(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_names_are_distinct_and_each_has_a_section() {
        for (index, part) in Part::ALL.iter().enumerate() {
            assert!(Part::ALL[..index].iter().all(|other| other.name() != part.name()));
            assert!(SECTIONS.iter().any(|(of, ..)| of == part));
        }
    }

    #[test]
    fn what_is_missed_or_fails_is_bad_and_what_is_skipped_is_not() {
        let mut tally = Tally { skipped: 2, ..Tally::default() };
        tally.add(Verdict::Met);
        tally.add(Verdict::Shown);
        assert!(tally.is_good());
        assert_eq!(tally.to_string(), "bounds: 1 met, 0 missed; sections: 0 failed, 2 skipped");
        assert!(!Tally { failed: 1, ..Tally::default() }.is_good());
        tally.add(Verdict::Missed);
        assert!(!tally.is_good());
    }
}
