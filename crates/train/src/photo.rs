//! Photos of which nothing is known.

use photonet_vision::{DecodeLimits, Rgb, decode};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs what may meet a bad photo. A decoder that gives up by a panic has met one like any other.
pub(crate) fn guarded<T>(make: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| Err("the decoder failed on it".into()))
}

/// The upright pixels of a photo's bytes, as training and inference have them.
///
/// # Errors
/// Why the photo cannot be decoded, for the user.
pub fn decode_photo(bytes: &[u8]) -> Result<Rgb, String> {
    guarded(|| decode(bytes, &DecodeLimits::default()).map_err(|e| e.to_string()))
}
