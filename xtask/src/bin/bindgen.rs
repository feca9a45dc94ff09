//! `bindgen WASM FOLDER NAME` writes the JavaScript and the types beside a wasm. A program of its own behind the feature
//! `bindgen`, so that only who builds the browser's part compiles the generator; its version is that of
//! `wasm-bindgen` in `Cargo.lock`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [wasm, folder, name] = words.as_slice() else {
        eprintln!("usage: bindgen WASM FOLDER NAME");
        return ExitCode::FAILURE;
    };
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    let made =
        bindgen.input_path(wasm).web(true).and_then(|b| b.typescript(true).out_name(name).generate(folder));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{wasm}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
