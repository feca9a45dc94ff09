//! npm.

use std::path::Path;
use std::process::Command;

use crate::shell;

/// npm's program name.
pub const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Installs what the lockfile says, unless that was done and the lockfile has not changed since.
///
/// # Errors
/// When npm fails, as without a network.
pub fn install(folder: &Path) -> Result<(), String> {
    if is_installed(folder, "package-lock.json") {
        return Ok(());
    }
    run(folder, &["ci"])
}

/// Installs what the package asks for in a folder that has no lockfile of its own, unless that was done and the package has not
/// changed since.
///
/// # Errors
/// When npm fails, as without a network.
pub fn resolve(folder: &Path) -> Result<(), String> {
    if is_installed(folder, "package.json") {
        return Ok(());
    }
    run(folder, &["install", "--no-audit", "--no-fund"])
}

/// Runs npm in a folder.
///
/// # Errors
/// When it fails.
pub fn run(folder: &Path, words: &[&str]) -> Result<(), String> {
    shell::run(Command::new(NPM).args(words).current_dir(folder))
}

/// Whether the last installation is newer than the file that says what is wanted.
fn is_installed(folder: &Path, wanted: &str) -> bool {
    let time = |file: &str| std::fs::metadata(folder.join(file)).and_then(|data| data.modified()).ok();
    match (time("node_modules/.package-lock.json"), time(wanted)) {
        (Some(installed), Some(wanted)) => installed >= wanted,
        _ => false,
    }
}
