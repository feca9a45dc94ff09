//! Installs what is missing to run on this machine, and says what and why.

mod apt;
mod browsers;
mod machine;
mod sources;
mod targets;
mod wasm;
mod wine;

use std::ffi::OsString;
use std::path::Path;

pub use browsers::{Browser, browser};
pub use machine::Gpu;
use machine::{Release, Vulkan};
pub use targets::rust_target;
pub use wasm::{Wasm, wasm};
pub use wine::{WINDOWS_CC, wine};

use crate::shell::{self, Rights};

/// The Vulkan loader takes the drivers whose manifests this variable names, and no others.
pub const DRIVERS: &str = "VK_DRIVER_FILES";

/// Mesa's software driver is several times faster from this version on.
const FAST_MESA: u32 = 24;

/// What a program needs for Vulkan on Debian: the loader and Mesa's drivers, the software one among them.
const VULKAN_PACKAGES: [&str; 2] = ["libvulkan1", "mesa-vulkan-drivers"];

/// What the browser's part and the Tint check need on Debian.
const NODE_PACKAGES: [&str; 3] = ["nodejs", "npm", "ca-certificates"];

/// Makes sure that there is a Vulkan driver where one is needed, and returns what GPU programs will get.
/// What cannot be installed is said with the commands to type; a GPU may be there all the same.
pub fn vulkan() -> Gpu {
    println!("Set-up: the GPU driver");
    if !cfg!(target_os = "linux") {
        println!("  nothing to install: the system has a GPU driver of its own");
        return Gpu::Hardware;
    }
    if let Some(gpu) = chosen_by_environment() {
        return gpu;
    }
    let root = Path::new("/");
    let (before, release) = (Vulkan::detect(root), Release::read(root));
    match before.gpu() {
        Gpu::Hardware => println!("  nothing to install: Vulkan driver for {}", before.hardware.join(", ")),
        Gpu::Software => {
            println!("  no hardware GPU driver in use: a software GPU runs on the CPU, correct but slow");
            apt::upgrade_software_driver(&release, FAST_MESA);
        }
        Gpu::None => {
            let missing = if before.loader { "Vulkan driver" } else { "Vulkan loader (libvulkan.so.1)" };
            println!("  there is no {missing}");
            apt::install_vulkan(&release, &VULKAN_PACKAGES);
        }
    }
    let after = Vulkan::detect(root).gpu();
    if after == Gpu::None {
        println!("  going on without a Vulkan driver: programs that need a GPU will say that they find none");
    }
    after
}

/// A value for the loader's variable [`DRIVERS`] with which programs see a software GPU and no other: what the environment
/// chooses, when that is one, else Mesa's.
///
/// # Errors
/// When there is none, or the environment chooses another GPU; says what to do.
pub fn software_driver() -> Result<OsString, String> {
    if let Some(chosen) = std::env::var_os(DRIVERS).filter(|files| !files.is_empty()) {
        return if machine::kind(&chosen.to_string_lossy()) == Some(Gpu::Software) {
            Ok(chosen)
        } else {
            Err(format!("{DRIVERS} chooses a driver that is no software GPU: run this without the variable"))
        };
    }
    let manifests = machine::lavapipe(Path::new("/"));
    if manifests.is_empty() {
        return Err(
            "there is no lavapipe, Mesa's software Vulkan driver: on Linux `cargo xtask setup` installs it"
                .into(),
        );
    }
    std::env::join_paths(manifests).map_err(|error| format!("the manifests of Mesa's drivers: {error}"))
}

/// A value for [`DRIVERS`] with which programs see Mesa's driver for AMD's GPUs and no other, where it is installed.
pub fn amd_driver() -> Option<OsString> {
    let manifests = machine::manifests(Path::new("/"), "radeon");
    std::env::join_paths(manifests).ok().filter(|files| !files.is_empty())
}

/// Makes sure that node and npm are there, for `what`; says whether they are.
pub fn node(what: &str) -> bool {
    println!("Set-up: node and npm, for {what}");
    let version =
        || Some((shell::ask("node", &["--version"])?, shell::ask(crate::npm::NPM, &["--version"])?));
    if version().is_none() {
        apt::install(&Release::read(Path::new("/")), &NODE_PACKAGES, "node or npm is missing");
    }
    match version() {
        Some((node, npm)) => println!("  node {node}, npm {npm}"),
        None => println!("  going on without node and npm"),
    }
    version().is_some()
}

/// The loader takes these drivers and no others when one of the variables is set.
fn chosen_by_environment() -> Option<Gpu> {
    for name in [DRIVERS, "VK_ICD_FILENAMES"] {
        if let Some(files) = std::env::var(name).ok().filter(|files| !files.is_empty()) {
            println!("  nothing to install: {name} chooses the driver ({files})");
            return machine::kind(&files).or(Some(Gpu::Hardware));
        }
    }
    None
}

/// The rights to change the system, or `None` after saying what somebody with them should type.
fn rights_or_advice(commands: &[String]) -> Option<Rights> {
    let rights = Rights::detect();
    if rights == Rights::None {
        println!("  no right to install packages (neither root nor sudo without a password); please run:");
        for command in commands {
            println!("    {command}");
        }
        return None;
    }
    Some(rights)
}
