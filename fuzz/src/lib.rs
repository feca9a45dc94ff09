//! What the targets share.

use photonet_model::import::{ImportOptions, import};
use photonet_weights::{ReadOptions, read};

/// Reads a file that begins with `start`, so that the fuzzer stays within one reader, and imports what it
/// holds.
pub fn open(start: &[u8], rest: &[u8]) {
    if let Ok(file) = read(&[start, rest].concat(), &ReadOptions::default()) {
        let _ = import(&file, &ImportOptions::default());
    }
}
