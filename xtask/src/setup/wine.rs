//! What builds and runs programs for Windows on Linux.

use std::path::{Path, PathBuf};

use super::apt;
use super::machine::Release;
use crate::shell;

/// A linker and a C compiler, Wine, and the screen that Wine wants for a GPU.
const PACKAGES: [&str; 4] = ["gcc-mingw-w64-x86-64", "wine64", "xvfb", "xauth"];

/// The C compiler for Windows.
pub const WINDOWS_CC: &str = "x86_64-w64-mingw32-gcc";

/// Makes sure that they are there; returns Wine.
pub fn wine() -> Option<PathBuf> {
    println!("Set-up: Wine, and a compiler for Windows");
    let there = || {
        let wine = ["/usr/bin/wine64", "/usr/lib/wine/wine64"]
            .map(Path::new)
            .into_iter()
            .find(|path| path.is_file())?;
        shell::ask(WINDOWS_CC, &["--version"])?;
        shell::ask("which", &["xvfb-run", "xauth"])?;
        Some(wine.to_path_buf())
    };
    if there().is_none() {
        apt::install(&Release::read(Path::new("/")), &PACKAGES, "something of that is missing");
    }
    there()
}
