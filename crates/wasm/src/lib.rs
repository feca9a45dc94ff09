//! Photonet in the browser: photos to answers, with the shaders and the photo code of the native program.
//!
//! The npm package `photonet` (`web/package`) wraps these bindings; nothing here is meant to be called by hand.
//! Everything that is not a binding is plain Rust and is tested natively.

mod backend;
mod bindings;
mod classifier;
mod clock;
mod error;
mod header;
mod photo;

pub use bindings::{Answer, Engine, Photo};
