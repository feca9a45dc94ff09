//! A pickle machine that builds inert values.
//!
//! A pickle is a program for a stack machine, and Python's own reader lets it call any function by name.
//! This machine has no functions: a call becomes a [`Value::Call`] that remembers what was to be called,
//! and only names of the list in [`globals`](Global) are understood at all. `torch` and `paddle`
//! look through the values for the few calls that stand for tensors.
//!
//! * Protocols 2 to 4, without the text opcodes of the oldest and the out-of-band buffers of the newest.
//! * Values live in an arena and refer to each other by number. So a list that holds itself, or a
//!   million nested tuples, is no problem to build or to drop; whoever walks through values bounds the
//!   depth.
//! * Strings and bytes stay where they are in the file. With the limit on the number of values, a pickle
//!   costs a fixed number of bytes per byte at most, and each byte is looked at once.

mod globals;
mod machine;
mod value;

pub(crate) use globals::Global;
pub(crate) use machine::run;
pub(crate) use value::{Id, Pickle, Value};

/// The format's name in errors.
pub(crate) const FORMAT: &str = "pickle";

/// More values than any checkpoint of a MobileNetV3 has (a few ten thousand).
pub(crate) const MAX_VALUES: usize = 1 << 20;

/// A longer text is no name, and one that is used a million times must not be looked at as often.
pub(crate) const MAX_NAME_BYTES: usize = 1024;

/// How many of the entries that are not weights are listed.
pub(crate) const MAX_OTHERS: usize = 100;
