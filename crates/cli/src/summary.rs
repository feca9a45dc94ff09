//! `photonet summary`.

use crate::arguments::{SummaryOptions, TextOrJson};
use crate::error::CliError;
use crate::output::say;
use crate::table;
use photonet_model::{Input, summarise};
use photonet_train::load_model;
use std::process::ExitCode;

/// Runs the command.
pub fn run(options: &SummaryOptions) -> Result<ExitCode, CliError> {
    let (architecture, size) = match &options.model {
        Some(path) => {
            let model = load_model(path)?;
            let size = Input::of(&model.recipe)?.size;
            (model.architecture, size)
        }
        None => (options.network.architecture()?, options.network.size),
    };
    let summary = summarise(&architecture, size);
    if options.format == TextOrJson::Json {
        let layers: Vec<serde_json::Value> = summary
            .layers
            .iter()
            .map(|l| {
                serde_json::json!({
                    "name": l.name, "kind": l.kind, "output": [l.output.0, l.output.1, l.output.2],
                    "parameters": l.parameters, "macs": l.macs, "activation_bytes": l.activation_bytes,
                })
            })
            .collect();
        let all = serde_json::json!({
            "architecture": architecture, "size": size, "parameters": summary.parameters,
            "statistics": summary.statistics, "macs": summary.macs,
            "activation_bytes": summary.activation_bytes, "layers": layers,
        });
        say(all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = summary
        .layers
        .iter()
        .map(|l| {
            vec![
                l.name.clone(),
                l.kind.clone(),
                format!("{}x{}x{}", l.output.0, l.output.1, l.output.2),
                l.parameters.to_string(),
                l.macs.to_string(),
                l.activation_bytes.to_string(),
            ]
        })
        .collect();
    say(format_args!("{architecture}, {size}x{size}\n"))?;
    say(table::render(&["layer", "kind", "output", "parameters", "MACs", "activation bytes"], &rows))?;
    say(format_args!(
        "\n{} parameters and {} running statistics, {:.1} million MACs, {:.1} MB of activations for one image",
        summary.parameters,
        summary.statistics,
        summary.macs as f64 / 1e6,
        summary.activation_bytes as f64 / 1e6
    ))?;
    Ok(ExitCode::SUCCESS)
}
