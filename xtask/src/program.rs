//! The `photonet` program, built as its users have it.

use std::path::PathBuf;

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

/// The built program lies beside this one's folder, whatever target directory cargo uses.
fn find() -> Result<PathBuf, String> {
    let own =
        std::env::current_exe().map_err(|error| format!("cannot find this program's own file: {error}"))?;
    let path = own.ancestors().nth(2).map(|target| target.join("release").join(file_name()));
    path.filter(|path| path.is_file()).ok_or_else(|| {
        format!("the built photonet program is not where it should be, near {}", own.display())
    })
}

/// The program's file name on this system.
pub fn file_name() -> String {
    format!("photonet{}", std::env::consts::EXE_SUFFIX)
}
