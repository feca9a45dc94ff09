//! Standard output, whose reader may leave at any time, as `head` does.

use crate::error::CliError;
use std::io::Write;

/// Writes a line.
///
/// # Errors
/// Output that cannot be written, such as a closed pipe or a full disk.
pub fn say(text: impl std::fmt::Display) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
