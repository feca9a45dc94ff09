//! `photonet devices`.

use crate::arguments::{DevicesOptions, TextOrJson};
use crate::error::CliError;
use crate::output::say;
use crate::table;
use photonet_gpu::{WITHOUT_GPU, list_adapters};
use std::process::ExitCode;

/// Runs the command.
pub fn run(options: &DevicesOptions) -> Result<ExitCode, CliError> {
    let adapters = pollster::block_on(list_adapters());
    if options.format == TextOrJson::Json {
        for a in &adapters {
            let line = serde_json::json!({
                "name": a.name, "kind": a.kind, "backend": a.backend, "driver": a.driver,
                "max_binding_bytes": a.max_binding_bytes, "timestamps": a.timestamps,
                "shader_f16": a.shader_f16, "matrix_units": a.matrix_units.map(|units| units.edge),
            });
            say(line)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if adapters.is_empty() {
        say(format_args!("no GPU was found: {WITHOUT_GPU}"))?;
        return Ok(ExitCode::FAILURE);
    }
    let rows: Vec<Vec<String>> = adapters
        .iter()
        .map(|a| {
            vec![
                a.name.clone(),
                a.kind.into(),
                a.backend.clone(),
                a.driver.clone(),
                format!("{}", a.max_binding_bytes >> 20),
                if a.timestamps { "yes" } else { "no" }.into(),
                if a.shader_f16 { "yes" } else { "no" }.into(),
                a.matrix_units.map_or("no".into(), |units| format!("{0}x{0}", units.edge)),
            ]
        })
        .collect();
    let head = ["name", "kind", "api", "driver", "binding MiB", "timestamps", "f16", "matrices"];
    say(table::render(&head, &rows))?;
    say("\n`--device auto` takes the first.")?;
    let mut units = adapters.iter().filter(|a| a.kind == "discrete").filter_map(|a| a.matrix_units);
    match units.next() {
        Some(units) if units.one_of_several => say(
            "`--precision f16` multiplies on matrices (Vulkan) with PHOTONET_MATRIX_UNITS=1: try `photonet check` with it before, since \
             nobody has yet on such a device.",
        )?,
        Some(_) => say(
            "`--precision f16` multiplies on matrices (Vulkan); with PHOTONET_MATRIX_UNITS=0 in registers, as elsewhere.",
        )?,
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}
