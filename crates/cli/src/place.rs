//! Where results may be written: over an earlier result of the same kind, but over nothing else.

use crate::error::CliError;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Bytes of a file that tell what it is.
const BEGINNING: u64 = 512;

/// Refuses a place for a page: one that is not called so, a folder, or a file that is no page.
///
/// # Errors
/// What else to give.
pub fn for_page(flag: &str, path: &Path) -> Result<(), CliError> {
    no_folder(flag, path, "report.html")?;
    if !ends_in(path, &["html", "htm"]) {
        return Err(CliError::Usage(format!(
            "{flag} {} is not called .html, which the report is: give another name, such as {}",
            path.display(),
            path.with_extension("html").display()
        )));
    }
    let is_page = |beginning: &[u8]| {
        let text = String::from_utf8_lossy(beginning).to_lowercase();
        let text = text.trim_start_matches('\u{feff}').trim_start();
        text.starts_with("<!doctype html") || text.starts_with("<html")
    };
    no_other(flag, path, "page", is_page)
}

/// Refuses a place for a NumPy matrix: one that is not called so, a folder, or a file that is no matrix.
///
/// # Errors
/// What else to give.
pub fn for_matrix(flag: &str, path: &Path) -> Result<(), CliError> {
    no_folder(flag, path, "features.npy")?;
    if !ends_in(path, &["npy"]) {
        return Err(CliError::Usage(format!(
            "{flag} {} is not called .npy, which the matrix is: give another name, such as {}",
            path.display(),
            path.with_extension("npy").display()
        )));
    }
    no_other(flag, path, "NumPy file", |beginning| beginning.starts_with(b"\x93NUMPY"))
}

/// Refuses to write over what is read.
///
/// # Errors
/// A place that is one of the `inputs`, by whatever name.
pub fn not_over(flag: &str, path: &Path, inputs: &[&Path]) -> Result<(), CliError> {
    let real = fs::canonicalize(path).ok();
    let same = |input: &&Path| real.is_some() && fs::canonicalize(input).ok() == real;
    match inputs.iter().copied().find(|input| same(input)) {
        None => Ok(()),
        Some(input) => Err(CliError::Usage(format!(
            "{flag} {} would overwrite {}, which is read: give another name",
            path.display(),
            input.display()
        ))),
    }
}

fn ends_in(path: &Path, endings: &[&str]) -> bool {
    let own = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    own.is_some_and(|own| endings.contains(&own.as_str()))
}

fn no_folder(flag: &str, path: &Path, example: &str) -> Result<(), CliError> {
    if path.is_dir() {
        return Err(CliError::Usage(format!(
            "{flag} {} is a folder: give a file in it, such as {}",
            path.display(),
            path.join(example).display()
        )));
    }
    Ok(())
}

/// An empty file is nobody's.
fn no_other(flag: &str, path: &Path, what: &str, is_so: impl Fn(&[u8]) -> bool) -> Result<(), CliError> {
    let Ok(file) = File::open(path) else { return Ok(()) };
    let mut beginning = Vec::new();
    // What cannot be read is not known to be ours either.
    let read = file.take(BEGINNING).read_to_end(&mut beginning);
    if read.is_ok() && (beginning.is_empty() || is_so(&beginning)) {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "{flag} {} would overwrite a file that is no {what}: give another name, or remove it first",
        path.display()
    )))
}
