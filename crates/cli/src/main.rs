//! The `photonet` command.

mod adopt;
mod arguments;
mod augment;
mod bench;
mod check;
mod data;
mod devices;
mod embed;
mod error;
mod eval;
mod export;
mod import;
mod infer;
mod inspect;
mod interrupt;
mod machine;
mod output;
mod parallel;
mod place;
mod serve;
mod summary;
mod table;
mod train;
mod tune;
mod verify;

use arguments::{Arguments, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Train(options) => train::run(&options),
        Command::Data(options) => data::run(&options),
        Command::Eval(options) => eval::run(&options),
        Command::Infer(options) => infer::run(&options),
        Command::Import(options) => import::run(&options),
        Command::Inspect(options) => inspect::run(&options),
        Command::Verify(options) => verify::run(&options),
        Command::Export(options) => export::run(&options),
        Command::Embed(options) => embed::run(&options),
        Command::Devices(options) => devices::run(&options),
        Command::Summary(options) => summary::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Tune(options) => tune::run(&options),
        Command::Serve(options) => serve::run(&options),
    };
    match result {
        Ok(code) => code,
        // Whoever read the output has seen enough.
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("photonet: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(next) = cause {
                // Many errors already quote their cause.
                if !error.to_string().contains(&next.to_string()) {
                    eprintln!("  because: {next}");
                }
                cause = next.source();
            }
            ExitCode::FAILURE
        }
    }
}
