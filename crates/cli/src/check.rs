//! `photonet check`.

use crate::arguments::{CheckOptions, TextOrJson};
use crate::error::CliError;
use crate::machine::open_device;
use crate::output::say;
use crate::parallel::in_order;
use photonet_gpu::GpuError;
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
    let run = |case: &Case| match pollster::block_on(case.run(&gpu)) {
        // A kernel that a driver does not take says nothing of the others.
        Err(refused @ GpuError::Driver { .. }) => Ok(Err(refused)),
        outcome => Ok(Ok(outcome?)),
    };
    in_order(&cases, run, |case, found: Found| {
        failed += usize::from(!passed(&found));
        if text { say(row(case, &found)) } else { say(line(case, &found)) }
    })?;
    if text {
        say(format_args!("\n{} of {} cases agree with their CPU twin", cases.len() - failed, cases.len()))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How a case ended, or why the driver did not take its kernels.
type Found = Result<Outcome, GpuError>;

fn passed(found: &Found) -> bool {
    found.as_ref().is_ok_and(Outcome::passed)
}

fn row(case: &Case, found: &Found) -> String {
    let (numbers, verdict) = match found {
        Ok(Outcome { error, tolerance, output }) => {
            let verdict = if passed(found) { "ok".into() } else { format!("WRONG: {output}") };
            (format!("{error:>9.1e} {tolerance:>9.1e}"), verdict)
        }
        Err(refused) => (" ".repeat(19), format!("REFUSED: {refused}")),
    };
    format!("{:<34} {:<44} {numbers}  {verdict}", case.kernel, case.shape)
}

fn line(case: &Case, found: &Found) -> serde_json::Value {
    let (kernel, shape) = (&case.kernel, &case.shape);
    match found {
        Ok(Outcome { error, tolerance, output }) => serde_json::json!({
            "kernel": kernel, "case": shape, "error": error, "tolerance": tolerance, "ok": passed(found), "output": output,
        }),
        Err(refused) => serde_json::json!({
            "kernel": kernel, "case": shape, "ok": false, "refused": refused.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_driver_refuses_is_told_and_fails() {
        let case = cases().swap_remove(0);
        let found =
            Err(GpuError::Driver { what: "kernel pool/forward".into(), reason: "it is too long".into() });
        assert!(!passed(&found));
        assert!(
            row(&case, &found)
                .ends_with("REFUSED: the GPU driver refused kernel pool/forward: it is too long")
        );
        assert_eq!(line(&case, &found)["ok"], false);
        let found = Ok(Outcome { error: 1e-3, tolerance: 1e-6, output: "output".into() });
        assert!(!passed(&found) && row(&case, &found).ends_with("  1.0e-3    1.0e-6  WRONG: output"));
        let found = Ok(Outcome { error: 1e-7, tolerance: 1e-6, output: "output".into() });
        assert!(passed(&found) && row(&case, &found).ends_with("  1.0e-7    1.0e-6  ok"));
        assert_eq!(line(&case, &found)["ok"], true);
    }
}
