//! npm, for the folders that have a lockfile.

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
    if is_installed(folder) {
        return Ok(());
    }
    run(folder, &["ci"])
}

/// Runs npm in a folder.
///
/// # Errors
/// When it fails.
pub fn run(folder: &Path, words: &[&str]) -> Result<(), String> {
    shell::run(Command::new(NPM).args(words).current_dir(folder))
}

fn is_installed(folder: &Path) -> bool {
    let time = |file: &str| std::fs::metadata(folder.join(file)).and_then(|data| data.modified()).ok();
    match (time("node_modules/.package-lock.json"), time("package-lock.json")) {
        (Some(installed), Some(wanted)) => installed >= wanted,
        _ => false,
    }
}
