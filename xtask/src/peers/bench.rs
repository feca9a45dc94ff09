//! `photonet bench`, of this version and of the first plain one.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::shell;

/// What a run of `photonet bench` measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// A training step, else inference.
    pub train: bool,
    /// `small` or `large`.
    pub arch: &'static str,
    /// Side of the images in pixels.
    pub size: u32,
    /// Images in a batch.
    pub batch: u32,
    /// Timed runs.
    pub runs: u32,
}

impl Work {
    /// The command that measures it. Both versions know these options.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(["bench", "--device", "software", "--format", "json", "--arch", self.arch]);
        for (name, value) in [("--size", self.size), ("--batch", self.batch), ("--runs", self.runs)] {
            command.args([name, &value.to_string()]);
        }
        if self.train {
            command.arg("--train");
        }
        command
    }
}

impl std::fmt::Display for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let task = if self.train { "training step" } else { "inference" };
        write!(f, "{task}, {}, {} px, batch {}", self.arch, self.size, self.batch)
    }
}

/// What it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The median of the runs, in milliseconds.
    pub median_ms: f64,
    /// From nothing to the end of the first run; the plain version does not say it.
    pub cold_ms: Option<f64>,
    /// The device's name.
    pub device: String,
    /// Kinds of kernels, `layer/pass`, and the milliseconds of a run that they take by the device's own clock.
    pub kinds: Vec<(String, f64)>,
}

impl Measured {
    fn read(json: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(json.trim()).ok()?;
        let kind = |of: &Value| Some((of["kind"].as_str()?.to_string(), of["ms"].as_f64()?));
        Some(Self {
            median_ms: value["median_ms"].as_f64()?,
            cold_ms: value["cold_ms"].as_f64(),
            device: value["device"].as_str()?.to_string(),
            // A device without timestamps has none.
            kinds: value["kinds"].as_array().into_iter().flatten().filter_map(kind).collect(),
        })
    }
}

/// Runs the command and reads what it prints.
///
/// # Errors
/// When it fails, or prints something else.
pub fn run(command: &mut Command) -> Result<Measured, String> {
    let text = shell::run_capturing(command)?;
    Measured::read(&text)
        .ok_or_else(|| format!("{} has printed no measurement, but:\n{text}", shell::shown(command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_understood() {
        let now = r#"{"arch":"small","batch":1,"cold_ms":320.34,"device":"llvmpipe (LLVM 15.0.6, 256 bits)",
            "first_ms":79.5,"kinds":[{"kind":"dense/forward","ms":7.37}],"median_ms":24.25,"runs_ms":[24.25]}"#;
        let device = "llvmpipe (LLVM 15.0.6, 256 bits)".to_string();
        let kinds = vec![("dense/forward".to_string(), 7.37)];
        let expected = Measured { median_ms: 24.25, cold_ms: Some(320.34), device: device.clone(), kinds };
        assert_eq!(Measured::read(now), Some(expected));
        let plain =
            r#"{"arch":"small","device":"llvmpipe (LLVM 15.0.6, 256 bits)","first_ms":9.5,"median_ms":59.6}"#;
        let expected = Measured { median_ms: 59.6, cold_ms: None, device, kinds: Vec::new() };
        assert_eq!(Measured::read(plain), Some(expected));
        assert_eq!(Measured::read("no adapter"), None);
        assert_eq!(Measured::read(r#"{"median_ms":null,"device":"x"}"#), None);
    }

    #[test]
    fn work_is_named_and_asked_for() {
        let work = Work { train: true, arch: "small", size: 96, batch: 16, runs: 9 };
        assert_eq!(work.to_string(), "training step, small, 96 px, batch 16");
        assert_eq!(
            shell::shown(&work.command(Path::new("photonet"))),
            "photonet bench --device software --format json --arch small --size 96 --batch 16 --runs 9 --train"
        );
    }
}
