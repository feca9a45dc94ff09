//! The Tint check: the build's compiler, naga, lets some mistakes pass that Tint refuses, such as
//! a barrier that only a part of the workgroup reaches.

use std::process::Command;

use crate::suite::Outcome;
use crate::{built, npm, setup, shell};

/// Writes every expanded kernel to a folder and has Tint compile each.
pub fn run() -> Outcome {
    if !setup::node("the Tint check") {
        return Outcome::Skipped("node and npm are missing and cannot be installed here".into());
    }
    match check() {
        Ok(summary) => Outcome::Passed(summary),
        Err(message) => Outcome::Failed(message),
    }
}

fn check() -> Result<String, String> {
    let folder = shell::root().join("tests/tint");
    npm::install(&folder)?;
    let kernels = shell::root().join("target/tint-kernels");
    // Kernels of an earlier run that are no more must not be checked.
    shell::empty(&kernels)?;
    shell::run(built::example("write_shaders")?.arg(&kernels))?;
    let mut summary = String::new();
    let mut command = Command::new("node");
    command.arg(folder.join("check.mjs")).arg(&kernels).current_dir(shell::root());
    shell::run_watching(&mut command, |line| summary = line.to_string())?;
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use naga::front::wgsl;
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    use crate::shell;

    /// The shaders on which the Tint check proves itself are ones that naga accepts, so that the
    /// check adds something; should naga learn to refuse them, it is time for other ones.
    #[test]
    fn naga_accepts_every_shader_of_the_self_test() {
        let mut seen = 0;
        for entry in std::fs::read_dir(shell::root().join("tests/tint/selftest")).unwrap() {
            let path = entry.unwrap().path();
            let code = std::fs::read_to_string(&path).unwrap();
            let module = wgsl::parse_str(&code).unwrap_or_else(|error| {
                panic!("{}: {}", path.display(), error.emit_to_string(&code));
            });
            let outcome = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module);
            assert!(outcome.is_ok(), "{}: {outcome:?}", path.display());
            seen += 1;
        }
        assert!(seen >= 4, "only {seen} shaders");
    }
}
