//! The `photonet` program, built as its users have it.

use std::path::{Path, PathBuf};

use crate::shell;

/// Builds the program; returns where it is.
///
/// # Errors
/// When it does not build.
pub fn build() -> Result<PathBuf, String> {
    println!("\nBuilding photonet (a few minutes the first time)");
    shell::run(&mut shell::cargo(&["build", "--release", "-p", "photonet-cli"]))?;
    find()
}

fn find() -> Result<PathBuf, String> {
    let path = target()?.join("release").join(file_name());
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("the program was built, but {} is not there", path.display()))
    }
}

/// The directory that this program was built in, and so what it has built, wherever the user's configuration puts it.
///
/// # Errors
/// When the system does not say where this program is.
pub fn target() -> Result<PathBuf, String> {
    let own =
        std::env::current_exe().map_err(|error| format!("cannot find this program's own file: {error}"))?;
    let target = own.ancestors().nth(2).map(Path::to_path_buf);
    target.ok_or_else(|| format!("{} does not lie in a target directory", own.display()))
}

/// The program's file name on this system.
pub fn file_name() -> String {
    format!("photonet{}", std::env::consts::EXE_SUFFIX)
}
