//! Targets of the Rust in use.

use std::path::Path;
use std::process::Command;

use crate::shell;

fn is_there(target: &str) -> bool {
    shell::ask("rustc", &["--print", "target-libdir", "--target", target])
        .is_some_and(|folder| Path::new(&folder).is_dir())
}

/// Makes sure that the standard library for `target` is there, by rustup; says whether it is.
pub fn rust_target(target: &str) -> bool {
    println!("Set-up: the Rust target {target}");
    if is_there(target) {
        println!("  nothing to install");
        return true;
    }
    match shell::run(Command::new("rustup").args(["target", "add", target])) {
        Ok(()) if is_there(target) => return true,
        Ok(()) => println!("  rustup installed it for another Rust than the one in use"),
        Err(message) => println!("  {message}"),
    }
    false
}
