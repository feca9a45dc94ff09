//! Set-up and the commands of the README: `cargo xtask setup | demo | test`.

mod bindgen;
mod demo;
mod options;
mod pictures;
mod setup;
mod shell;
mod suite;
mod tint;

use std::process::ExitCode;

use options::Command;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match options::parse(&arguments) {
        Ok(Command::Help) => {
            println!("{}", options::USAGE);
            Ok(true)
        }
        Ok(Command::Setup) => {
            setup::vulkan();
            setup::node();
            Ok(true)
        }
        Ok(Command::Bindgen { wasm, folder }) => bindgen::run(&wasm, &folder).map(|()| true),
        Ok(Command::Demo(options)) => demo::run(&options).map(|()| true),
        Ok(Command::Test(options)) => Ok(suite::run(&options)),
        Err(message) => Err(format!("{message}\n\n{}", options::USAGE)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
