//! The photonet command.
fn main() {}
