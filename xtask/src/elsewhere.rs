//! Whether the program compiles for systems that this one is not.

use crate::suite::Outcome;
use crate::{setup, shell};

/// Windows, macOS, and Linux on ARM, as most have them.
const TARGETS: [&str; 3] = ["x86_64-pc-windows-msvc", "aarch64-apple-darwin", "aarch64-unknown-linux-gnu"];

/// clippy for each, warnings refused; nothing is linked, which would take their systems' libraries.
pub fn run() -> Outcome {
    let (there, missing): (Vec<_>, Vec<_>) =
        TARGETS.into_iter().partition(|target| setup::rust_target(target));
    if there.is_empty() {
        return Outcome::Skipped("rustup cannot install the targets here".into());
    }
    let mut command = shell::cargo(&["clippy", "-p", "photonet-cli"]);
    for target in &there {
        command.args(["--target", target]);
    }
    match shell::run(command.args(["--", "-D", "warnings"])) {
        Ok(()) if missing.is_empty() => Outcome::Passed(there.join(", ")),
        Ok(()) => Outcome::Passed(format!("{}; not {}", there.join(", "), missing.join(", "))),
        Err(message) => Outcome::Failed(message),
    }
}
