//! A Rust that compiles to WebAssembly.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::apt;
use super::machine::Release;
use super::targets::rust_target;

/// Debian's own Rust, the sources of its library, and a linker for wasm.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];

/// What compiles to WebAssembly.
#[derive(Debug)]
pub enum Wasm {
    /// The Rust in use, which has the target.
    Rustup,
    /// Debian's Rust, which builds the standard library from its sources.
    Debian(DebianRust),
}

/// Where Debian's packages put their programs.
#[derive(Debug)]
pub struct DebianRust {
    /// cargo.
    pub cargo: PathBuf,
    /// rustc.
    pub rustc: PathBuf,
    /// The linker.
    pub linker: String,
}

impl DebianRust {
    fn find() -> Option<Self> {
        let program = |name: &str| Some(Path::new("/usr/bin").join(name)).filter(|path| path.is_file());
        let linker = program("wasm-ld-22")?.display().to_string();
        Some(Self { cargo: program("cargo")?, rustc: program("rustc")?, linker })
    }

    /// A search path on which this Rust comes first.
    pub fn path(&self) -> OsString {
        let mut path = OsString::from("/usr/bin:");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path
    }
}

/// Makes sure that there is such a Rust: rustup's target, or Debian's packages where rustup cannot download it.
///
/// # Errors
/// When neither can be installed; says what to type.
pub fn wasm(target: &str) -> Result<Wasm, String> {
    if rust_target(target) {
        return Ok(Wasm::Rustup);
    }
    if DebianRust::find().is_none() {
        let release = Release::read(Path::new("/"));
        apt::install(&release, &DEBIAN_PACKAGES, "taking Debian's own Rust for the wasm");
    }
    DebianRust::find().map(Wasm::Debian).ok_or_else(|| format!("please run `rustup target add {target}`"))
}
