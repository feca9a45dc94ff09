//! Photonet in the browser: photos to answers, and photos to a model, with the shaders and the photo code of the native program.
//!
//! The npm package `photonet` (`web/package`) wraps these bindings; nothing here is meant to be called by hand.
//! Everything that is not a binding is plain Rust and is tested natively.

#[cfg(feature = "classifier")]
mod backend;
mod bindings;
#[cfg(feature = "classifier")]
mod classifier;
#[cfg(feature = "classifier")]
mod clock;
mod error;
#[cfg(feature = "classifier")]
mod header;
mod photo;
#[cfg(feature = "trainer")]
mod settings;
#[cfg(feature = "trainer")]
mod trainer;

pub use bindings::*;
