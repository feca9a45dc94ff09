//! Whether the kernels of a network fit the registers of GPUs that are not here: Mesa's driver for AMD's compiles for them all the same, and says
//! what it made. What does not fit lies in memory, and a kernel that goes there in its innermost loop takes several times as long.

use std::ffi::OsStr;

use crate::suite::Outcome;
use crate::{built, setup, shell};

/// A class of devices, a GPU that stands for it, and what its compiler may say.
struct Class {
    name: &'static str,
    /// As Mesa's driver is told which GPU to compile for (`RADV_FORCE_FAMILY`).
    family: &'static str,
    limits: &'static [&'static str],
}

/// Vega stands for integrated GPUs: many laptops have one, with 256 registers, so that at 128 two waves can wait for memory at a time; Intel's and
/// Apple's have no more than 128. RDNA 3 stands for discrete ones.
const CLASSES: [Class; 2] = [
    Class {
        name: "integrated",
        family: "renoir",
        limits: &["VGPRs<=128", "Spilled VGPRs<=0", "Scratch size<=0"],
    },
    Class { name: "discrete", family: "navi31", limits: &["VGPRs", "Spilled VGPRs<=0", "Scratch size<=0"] },
];

/// Has the kernels of one photo and of two training steps compiled, as the rule chooses them.
pub fn run() -> Outcome {
    let drivers = match (setup::software_driver(), setup::amd_driver()) {
        (Ok(software), Some(amd)) => (software, amd),
        (Err(message), _) => return Outcome::Skipped(message),
        (_, None) => return Outcome::Skipped("Mesa's driver for AMD's GPUs is not installed".into()),
    };
    let mut said = Vec::new();
    for class in CLASSES {
        match compiled(&class, (&drivers.0, &drivers.1)) {
            Ok(Some(most)) => said.push(format!("{} at most {most}", class.name)),
            // Newer ones (26.2) want a library for it that is not installed with them.
            Ok(None) => {
                return Outcome::Skipped("this version of Mesa compiles for no GPU that is not here".into());
            }
            Err(message) => return Outcome::Failed(format!("{}: {message}", class.name)),
        }
    }
    Outcome::Passed(format!("registers: {}", said.join(", ")))
}

/// The most registers of a kernel; `None` where the driver compiles for no device that is not there.
fn compiled(class: &Class, (software, amd): (&OsStr, &OsStr)) -> Result<Option<String>, String> {
    let folder = shell::root().join("target/spirv").join(class.name);
    let compiler = || {
        let mut command = built::example("compiled")?;
        command.env(setup::DRIVERS, amd).env("RADV_FORCE_FAMILY", class.family);
        Ok::<_, String>(command)
    };
    if !shell::run_capturing(&mut compiler()?)?.contains("Null hardware") {
        return Ok(None);
    }
    // Kernels of an earlier run that are no more must not be compiled.
    shell::empty(&folder)?;
    for what in [
        "--arch large --batch 1",
        "--arch large --batch 8 --train",
        "--arch small --batch 8 --train --precision f16 --size 96",
    ] {
        let mut command = built::photonet()?;
        command.args(["bench", "--runs", "1"]).args(what.split(' ')).env(setup::DRIVERS, software);
        command.env("PHOTONET_SPIRV", &folder).env("PHOTONET_DEVICE_CLASS", class.name);
        shell::run(&mut command)?;
    }
    let mut most = None;
    let registers = |line: &str| line.strip_prefix("# VGPRs: at most ").map(str::to_string);
    let mut command = compiler()?;
    command.arg(&folder).args(class.limits);
    shell::run_watching(&mut command, |line| most = registers(line).or(most.take()))?;
    Ok(most)
}
