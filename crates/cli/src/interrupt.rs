//! Ctrl-C: once asks the run to stop after the step under way, twice ends the program at once.

use crate::error::CliError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The shell's status of a program ended by Ctrl-C.
pub const STATUS: u8 = 130;

/// A flag that Ctrl-C sets.
pub fn flag() -> Result<Arc<AtomicBool>, CliError> {
    let flag = Arc::new(AtomicBool::new(false));
    let shared = flag.clone();
    ctrlc::set_handler(move || {
        if shared.swap(true, Ordering::SeqCst) {
            std::process::exit(STATUS.into());
        }
        eprintln!("photonet: finishing this step and saving; press Ctrl-C again to end without saving");
    })
    .map_err(|e| CliError::Usage(format!("cannot watch for Ctrl-C: {e}")))?;
    Ok(flag)
}
