//! The JavaScript and the types beside the wasm. In the feature `bindgen`, so that only who builds the
//! browser's part compiles the generator; its version is that of `wasm-bindgen` in `Cargo.lock`.

use std::path::Path;

/// Writes `photonet_wasm.js`, `.d.ts` and `_bg.wasm` to `folder`.
///
/// # Errors
/// A file that is not such a wasm, or a folder that cannot be written.
#[cfg(feature = "bindgen")]
pub fn run(wasm: &Path, folder: &Path) -> Result<(), String> {
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    let made = bindgen.input_path(wasm).web(true).and_then(|b| b.typescript(true).generate(folder));
    made.map_err(|error| format!("{}: {error:#}", wasm.display()))
}

/// Says that this build cannot do it.
///
/// # Errors
/// Always.
#[cfg(not(feature = "bindgen"))]
pub fn run(_: &Path, _: &Path) -> Result<(), String> {
    Err("built without it: use `cargo run -p xtask --features bindgen -- bindgen WASM FOLDER`".into())
}
