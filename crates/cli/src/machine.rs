//! Opening what commands compute on.

use crate::arguments::Precision;
use crate::error::CliError;
use photonet_gpu::{DeviceChoice, Gpu, GpuOptions, SUBGROUP, list_adapters};
use photonet_train::Machine;
use std::path::PathBuf;
use std::sync::Arc;

/// The machine to classify on: `cpu` is the processor, everything else a device. `auto` takes the
/// processor where the only GPU is one in software, which is many times slower.
pub fn open_machine(choice: &str, precision: Precision) -> Result<Machine, CliError> {
    let cpu = match choice.to_ascii_lowercase().as_str() {
        "cpu" => true,
        "auto" | "" => pollster::block_on(list_adapters()).iter().all(|a| a.kind == "software"),
        _ => false,
    };
    if !cpu {
        return Ok(Machine::Gpu { gpu: open_device(choice)?, precision: precision.of_network() });
    }
    if precision == Precision::F16 {
        eprintln!(
            "photonet: --precision f16 has no effect on the processor, which computes in single precision"
        );
    }
    Ok(Machine::Cpu)
}

/// Refuses the processor where only a device will do.
pub fn refuse_cpu(choice: &str) -> Result<(), CliError> {
    if choice.eq_ignore_ascii_case("cpu") {
        return Err(CliError::Usage(
            "--device cpu is for classifying only (infer, eval and embed): without a GPU use --device software"
                .into(),
        ));
    }
    Ok(())
}

/// Opens the device that `choice` names, which is not the processor.
pub fn open_device(choice: &str) -> Result<Arc<Gpu>, CliError> {
    refuse_cpu(choice)?;
    let choice: DeviceChoice = match choice.parse() {
        Ok(choice) => choice,
        Err(never) => match never {},
    };
    let options = GpuOptions { cache: cache_folder(), ..GpuOptions::new(choice) };
    let gpu = pollster::block_on(Gpu::open(&options))?;
    let no_such = format!("is no software device whose subgroups are of {SUBGROUP}");
    for (asked, has, variable, why) in [
        (
            options.matrix_units,
            gpu.matrix_units().is_some(),
            "PHOTONET_MATRIX_UNITS",
            "has none that its kernels take, see `photonet devices`",
        ),
        (options.subgroups, gpu.subgroups(), "PHOTONET_SUBGROUPS", no_such.as_str()),
    ] {
        if asked == Some(true) && !has {
            eprintln!("photonet: {variable} has no effect: {} {why}", gpu.adapter().name);
        }
    }
    for notice in gpu.notices() {
        eprintln!("photonet: {notice}");
    }
    Ok(gpu)
}

/// Where what can be made again is kept: `PHOTONET_CACHE`, else a folder of this program among the user's caches.
/// `PHOTONET_CACHE=off` keeps nothing.
fn cache_folder() -> Option<PathBuf> {
    match std::env::var_os("PHOTONET_CACHE") {
        Some(folder) if folder.is_empty() || folder == "off" || folder == "0" => None,
        Some(folder) => Some(folder.into()),
        None => dirs::cache_dir().map(|folder| folder.join("photonet")),
    }
}
