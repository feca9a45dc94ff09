//! `cargo xtask test`: every check, each even when an earlier one failed, and a table at the end.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::setup::Browser;
use crate::{browser, built, elsewhere, options, registers, setup, shell, tint, web, windows};

/// Packages whose integration tests run shaders and little else.
const RUN_SHADERS: [&str; 2] = ["nn", "model"];

/// The checks, in the order they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What is missing is installed.
    Setup,
    /// rustfmt.
    Format,
    /// The wasm, the package and the page are built, and what is embedded is there for what follows.
    Web,
    /// clippy, warnings refused.
    Clippy,
    /// clippy for Windows, macOS and ARM.
    Elsewhere,
    /// rustdoc, warnings refused.
    Doc,
    /// All tests, shaders as in use.
    Tests,
    /// The tests of the crates that run shaders, while it is watched that these stay within their tensors.
    TestsWatched,
    /// What AMD's compiler says of the kernels of a training step.
    Registers,
    /// The program for Windows, in Wine; only when it is asked for.
    Windows,
    /// Every kernel through Tint.
    Tint,
    /// The package and the page in a real browser.
    Browser,
    /// The same in Firefox: another engine, and another WebGPU.
    Firefox,
    /// Much of the same in WebKit, Safari's engine.
    WebKit,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Setup,
        Self::Format,
        Self::Web,
        Self::Clippy,
        Self::Elsewhere,
        Self::Doc,
        Self::Tests,
        Self::TestsWatched,
        Self::Registers,
        Self::Windows,
        Self::Tint,
        Self::Browser,
        Self::Firefox,
        Self::WebKit,
    ];

    /// The name for `--only`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Format => "fmt",
            Self::Web => "web",
            Self::Clippy => "clippy",
            Self::Elsewhere => "elsewhere",
            Self::Doc => "doc",
            Self::Tests => "tests",
            Self::TestsWatched => "tests-watched",
            Self::Registers => "registers",
            Self::Windows => "windows",
            Self::Tint => "tint",
            Self::Browser => "browser",
            Self::Firefox => "firefox",
            Self::WebKit => "webkit",
        }
    }

    /// Whether it takes too long for every run.
    fn is_long(self) -> bool {
        self == Self::Windows
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::Setup => "installs what is missing",
            Self::Format => "the format of the Rust code",
            Self::Web => "the wasm, the npm package and the page are built",
            Self::Clippy => "lints",
            Self::Elsewhere => "the program compiles for Windows, macOS and ARM",
            Self::Doc => "the documentation builds",
            Self::Tests => "all tests of the workspace",
            Self::TestsWatched => {
                "GPU tests again, watching that kernels stay within their tensors (PHOTONET_WATCHED=1)"
            }
            Self::Registers => "kernels fit the registers of AMD's GPUs, by Mesa's compiler for them",
            Self::Windows => {
                "the program for Windows in Wine: kernels and training on Direct3D 12, and tests (half an hour: only when asked for)"
            }
            Self::Tint => "every kernel is accepted by Tint, the second WGSL compiler",
            Self::Browser => "the package and the page in Chromium",
            Self::Firefox => "the package and the page in Firefox, with its own WebGPU",
            Self::WebKit => "the package and the page in WebKit, on the CPU",
        }
    }

    fn run(self) -> Outcome {
        match self {
            Self::Setup => {
                setup::vulkan();
                Outcome::Passed(String::new())
            }
            Self::Format => plain(shell::run(&mut shell::cargo(&["fmt", "--all", "--check"]))),
            Self::Web => plain(web::build()),
            Self::Clippy => plain(shell::run(&mut shell::cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))),
            Self::Elsewhere => elsewhere::run(),
            Self::Doc => {
                let mut command = shell::cargo(&["doc", "--workspace", "--no-deps"]);
                plain(shell::run(command.env("RUSTDOCFLAGS", "-D warnings")))
            }
            Self::Tests => tests(&mut shell::cargo(&["test", "--workspace", "--no-fail-fast"])),
            // Elsewhere the first device may be one of another API.
            Self::TestsWatched if !cfg!(target_os = "linux") => {
                Outcome::Skipped("kernels are watched on Vulkan alone".into())
            }
            Self::TestsWatched => {
                let mut command = shell::cargo(&["test", "--workspace", "--no-fail-fast"]);
                for name in RUN_SHADERS.into_iter().flat_map(built::tests_of) {
                    command.args(["--test", &name]);
                }
                tests(command.env("PHOTONET_WATCHED", "1"))
            }
            Self::Registers => registers::run(),
            Self::Windows => windows::run(),
            Self::Tint => tint::run(),
            Self::Browser => browser::run(Browser::Chromium),
            Self::Firefox => browser::run(Browser::Firefox),
            Self::WebKit => browser::run(Browser::WebKit),
        }
    }
}

/// How a step ended, with a remark for the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Passed(String),
    /// Not run, for this reason.
    Skipped(String),
    /// Found something wrong, or could not run.
    Failed(String),
}

/// Runs the chosen steps; returns whether none failed.
pub fn run(options: &options::Test) -> bool {
    if options.list {
        for step in Step::ALL {
            println!("{:14} {}", step.name(), step.purpose());
        }
        return true;
    }
    let started = Instant::now();
    let mut results = Vec::new();
    for step in Step::ALL {
        let wanted = if options.only.is_empty() { !step.is_long() } else { options.only.contains(&step) };
        if !wanted {
            continue;
        }
        println!("\n==== {}: {}", step.name(), step.purpose());
        let begun = Instant::now();
        let outcome = step.run();
        println!("==== {}: {} after {:.1} s", step.name(), verdict(&outcome), begun.elapsed().as_secs_f64());
        results.push((step, outcome, begun.elapsed()));
    }
    println!("\n{}", table(&results, started.elapsed()));
    !results.iter().any(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_)))
}

fn verdict(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed(_) => "ok",
        Outcome::Skipped(_) => "skipped",
        Outcome::Failed(_) => "FAILED",
    }
}

/// The closing lines: a row per step, then the sum.
fn table(results: &[(Step, Outcome, Duration)], total: Duration) -> String {
    let mut text = format!("{:14} {:8} {:>8}\n", "step", "result", "seconds");
    let mut failed = 0;
    let mut skipped = 0;
    for (step, outcome, time) in results {
        let (Outcome::Passed(remark) | Outcome::Skipped(remark) | Outcome::Failed(remark)) = outcome;
        failed += usize::from(matches!(outcome, Outcome::Failed(_)));
        skipped += usize::from(matches!(outcome, Outcome::Skipped(_)));
        let row = format!("{:14} {:8} {:8.1}  {remark}", step.name(), verdict(outcome), time.as_secs_f64());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", row.trim_end());
    }
    let passed = results.len() - failed - skipped;
    text + &format!("{passed} ok, {failed} failed, {skipped} skipped, {:.1} s", total.as_secs_f64())
}

fn plain(result: Result<(), String>) -> Outcome {
    result.map_or_else(Outcome::Failed, |()| Outcome::Passed(String::new()))
}

fn tests(command: &mut std::process::Command) -> Outcome {
    let mut counts = Counts::default();
    // Through a pipe cargo's own lines keep their colours (they go to stderr), and the harness's lose theirs.
    let result = shell::run_watching(command, |line| counts.add(line));
    match result {
        Ok(()) => Outcome::Passed(counts.to_string()),
        Err(message) => Outcome::Failed(format!("{counts}; {message}")),
    }
}

/// The sums over the test programs of one `cargo test`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Counts {
    /// Adds what a closing line of node's test runner says, such as `ℹ pass 12`.
    pub fn add_node(&mut self, line: &str) {
        let mut words = line.split_whitespace().rev();
        let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<usize>), words.next()) else {
            return;
        };
        if words.count() > 1 {
            return;
        }
        match what {
            "pass" => self.passed += count,
            "fail" => self.failed += count,
            "skipped" | "todo" => self.ignored += count,
            _ => {}
        }
    }

    /// Adds what a line `test result: ok. 3 passed; 0 failed; 1 ignored; …` says.
    pub fn add(&mut self, line: &str) {
        let Some((_, rest)) = line.split_once("test result: ") else { return };
        for part in rest.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<usize>), words.next()) else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tests passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_results_are_summed() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s",
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1.50s",
            "test passed ... ok",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 13, failed: 2, ignored: 1 });
    }

    #[test]
    fn the_results_of_node_are_counted() {
        let mut counts = Counts::default();
        for line in [
            "✔ the first pass 3 (12ms)",
            "ℹ tests 14",
            "ℹ pass 12",
            "ℹ fail 1",
            "ℹ skipped 1",
            "ℹ duration_ms 17",
        ] {
            counts.add_node(line);
        }
        assert_eq!(counts, Counts { passed: 12, failed: 1, ignored: 1 });
    }

    #[test]
    fn the_table_names_every_step_and_counts_results() {
        let second = Duration::from_secs(1);
        let results = [
            (Step::Format, Outcome::Passed(String::new()), second),
            (Step::Tests, Outcome::Failed("2 failed".into()), second),
            (Step::Tint, Outcome::Skipped("no node".into()), second),
        ];
        let text = table(&results, 3 * second);
        assert!(text.contains("\nfmt            ok            1.0\n"), "{text}");
        assert!(text.contains("FAILED        1.0  2 failed"), "{text}");
        assert!(text.contains("no node"), "{text}");
        assert!(text.ends_with("1 ok, 1 failed, 1 skipped, 3.0 s"), "{text}");
    }

    #[test]
    fn step_names_are_distinct() {
        for (index, step) in Step::ALL.iter().enumerate() {
            assert!(Step::ALL[..index].iter().all(|other| other.name() != step.name()));
        }
    }
}
