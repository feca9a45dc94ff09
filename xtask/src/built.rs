//! The program and the examples as the tests of the workspace have them. Built with `-p` for one package they would have other features of the same
//! dependencies: wgpu and all that stands on it would be compiled again for each.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::{program, shell};

/// The `photonet` program, with the checks of a debug build.
///
/// # Errors
/// When the workspace does not build.
pub fn photonet() -> Result<Command, String> {
    command(&folder()?.join(program::file_name()))
}

/// An example of one of the workspace's packages.
///
/// # Errors
/// When the workspace does not build, or has no such example.
pub fn example(name: &str) -> Result<Command, String> {
    command(&folder()?.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// The names of the integration tests of the package in `crates/NAME`.
pub fn tests_of(name: &str) -> Vec<String> {
    let folder = shell::root().join("crates").join(name).join("tests");
    let is_test = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file()
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let names = entries.filter(is_test).filter_map(|path| Some(path.file_stem()?.to_str()?.to_string()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Where cargo puts what it builds for `dev`; builds it the first time.
fn folder() -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            shell::run(&mut shell::cargo(&[
                "build",
                "--quiet",
                "--workspace",
                "--bin",
                "photonet",
                "--examples",
            ]))?;
            Ok(program::target()?.join("debug"))
        })
        .clone()
}

fn command(path: &Path) -> Result<Command, String> {
    if !path.is_file() {
        return Err(format!("{} is not there, though the workspace was built", path.display()));
    }
    let mut command = Command::new(path);
    command.current_dir(shell::root());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_files_and_folders_with_a_main_file() {
        assert_eq!(tests_of("nn"), ["finite_differences", "kernels"]);
        assert!(tests_of("model").contains(&"golden".to_string()));
        assert!(!tests_of("model").contains(&"formula".to_string()));
    }
}
