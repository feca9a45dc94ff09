//! `photonet check`.

use crate::arguments::{CheckOptions, TextOrJson};
use crate::error::CliError;
use crate::machine::open_device;
use crate::output::say;
use crate::parallel::in_order;
use photonet_nn::check::{Case, Outcome, cases, cases_in_subgroups, cases_on_matrix_units};
use std::process::ExitCode;

/// Runs the command.
pub fn run(options: &CheckOptions) -> Result<ExitCode, CliError> {
    let gpu = open_device(&options.device)?;
    let wanted = |kernel: &str| options.filter.as_deref().is_none_or(|f| kernel.contains(f));
    let on_units = gpu.matrix_units().map(cases_on_matrix_units).unwrap_or_default();
    let in_subgroups = if gpu.subgroups() { cases_in_subgroups() } else { Vec::new() };
    let all = cases().into_iter().chain(in_subgroups).chain(on_units);
    let cases: Vec<_> = all.filter(|c| wanted(&c.kernel)).collect();
    if cases.is_empty() {
        let filter = options.filter.as_deref().unwrap_or_default();
        return Err(CliError::Usage(format!(
            "no kernel's name contains `{filter}`: see shaders/ for the names"
        )));
    }
    let text = options.format == TextOrJson::Text;
    if text {
        let adapter = gpu.adapter();
        say(format_args!("{} ({}, {})\n", adapter.name, adapter.backend, adapter.driver))?;
        say(format_args!("{:<34} {:<44} {:>9} {:>9}  result", "kernel", "case", "error", "allowed"))?;
    }
    let mut failed = 0;
    // The twins take longer than the kernels, on one processor of several.
    let run = |case: &Case| Ok(pollster::block_on(case.run(&gpu))?);
    in_order(&cases, run, |case, outcome: Outcome| {
        let verdict = if outcome.passed() { "ok".into() } else { format!("WRONG: {}", outcome.output) };
        failed += usize::from(!outcome.passed());
        if text {
            return say(format_args!(
                "{:<34} {:<44} {:>9.1e} {:>9.1e}  {verdict}",
                case.kernel, case.shape, outcome.error, outcome.tolerance
            ));
        }
        say(serde_json::json!({
            "kernel": case.kernel, "case": case.shape, "error": outcome.error,
            "tolerance": outcome.tolerance, "ok": outcome.passed(), "output": outcome.output,
        }))
    })?;
    if text {
        say(format_args!("\n{} of {} cases agree with their CPU twin", cases.len() - failed, cases.len()))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
