//! Set-up and the commands of the README.
fn main() {}
