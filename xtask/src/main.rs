//! Set-up and the commands of the README: `cargo xtask setup | demo | web | serve | test | peers`.

mod browser;
mod built;
mod demo;
mod elsewhere;
mod npm;
mod options;
mod peers;
mod pictures;
mod program;
mod registers;
mod setup;
mod shell;
mod suite;
mod tint;
mod web;
mod windows;

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
            setup::node("the browser's part and the Tint check");
            Ok(true)
        }
        Ok(Command::Web) => web::build().map(|()| true),
        Ok(Command::Serve { model, port }) => web::serve(model.as_deref(), port).map(|()| true),
        Ok(Command::Demo(options)) => demo::run(&options).map(|()| true),
        Ok(Command::Test(options)) => Ok(suite::run(&options)),
        Ok(Command::Peers(options)) => peers::run(&options),
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
