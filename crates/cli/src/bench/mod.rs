//! `photonet bench`.

mod photos;
mod plot;
mod report;
mod suite;
mod work;

use crate::arguments::{BenchOptions, TextOrJson};
use crate::error::CliError;
use crate::machine::open_device;
use crate::output::say;
use photonet_gpu::DeviceLimits;
use std::process::ExitCode;
pub use work::Work;

/// Runs the command.
pub fn run(options: &BenchOptions) -> Result<ExitCode, CliError> {
    options.network.architecture()?;
    if options.batch == 0 || options.runs == 0 {
        return Err(CliError::Usage("--batch and --runs must be at least 1".into()));
    }
    if options.plot.is_some() && !options.scaling {
        return Err(CliError::Usage("--plot draws what --scaling measures: give both".into()));
    }
    if let Some(folder) = &options.photos {
        photos::run(folder, options)?;
        return Ok(ExitCode::SUCCESS);
    }
    let gpu = open_device(&options.device)?;
    if options.suite {
        pollster::block_on(suite::run(&gpu, options))?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.scaling {
        pollster::block_on(suite::scaling(&gpu, options))?;
        return Ok(ExitCode::SUCCESS);
    }
    let limits = pollster::block_on(DeviceLimits::measure(&gpu))?;
    if options.limits {
        match options.format {
            TextOrJson::Text => say(report::limits_line(&limits))?,
            TextOrJson::Json => say(serde_json::json!({
                "device": gpu.adapter().name, "driver": gpu.adapter().driver,
                "copy_bytes_per_second": limits.copy_bytes_per_second,
                "macs_per_second": limits.macs_per_second,
            }))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let BenchOptions { train, batch, precision, .. } = *options;
    let work = Work { network: options.network.clone(), train, batch, precision };
    let measured = pollster::block_on(work.measure(&gpu, options.runs))?;
    match options.format {
        TextOrJson::Json => say(report::json(&work, &gpu, &limits, &measured))?,
        TextOrJson::Text => say(report::describe(&work, &gpu, &limits, &measured)?)?,
    }
    Ok(ExitCode::SUCCESS)
}
