//! The browser's part: wasm, npm package, page.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setup::{self, Wasm};
use crate::{npm, program, shell};

const TARGET: &str = "wasm32-unknown-unknown";

/// The packages that become a wasm each, and what they are called in the npm package.
const MODULES: [(&str, &str); 2] =
    [("photonet-wasm-classifier", "photonet_wasm"), ("photonet-wasm-trainer", "photonet_trainer")];

/// Where `photonet serve` listens when nothing is said.
const PORT: u16 = 8010;

/// What the wasm may use, all of it in every browser since 2023. Vectors carry the CPU path.
const RUST_FEATURES: &str = "-Ctarget-feature=+simd128";

/// The same for the optimiser, which otherwise refuses or, asked for all, writes what browsers do not read yet.
const OPTIMISER: [&str; 13] = [
    // Smaller than -Oz, which leaves the second pass less to merge.
    "-Os",
    "--merge-similar-functions",
    "-Os",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-multivalue",
    "--enable-reference-types",
    "--enable-simd",
    "--strip-debug",
    "--strip-producers",
    // Constants go into the offsets of loads and stores, 7 KB less: the lowest KiB is the stack's last, and no pointer is so small.
    "--low-memory-unused",
];

/// Builds everything; `web/package/dist` and `web/site/dist` hold the result.
///
/// # Errors
/// A tool that is missing and cannot be installed, or a step that fails.
pub fn build() -> Result<(), String> {
    if !setup::node("the browser's part") {
        return Err("node and npm are needed to build the browser's part".into());
    }
    let web = shell::root().join("web");
    npm::install(&web)?;
    println!("\nThe wasm");
    let with = setup::wasm(TARGET)?;
    let package = web.join("package");
    let dist = package.join("dist");
    create(&dist)?;
    let raw = shell::root().join("target/web/raw");
    std::thread::scope(|scope| {
        let mut optimising = Vec::new();
        for (crate_name, name) in MODULES {
            let wasm = compile(crate_name, &with)?;
            let generator =
                ["run", "--quiet", "-p", "xtask", "--features", "bindgen", "--bin", "bindgen", "--"];
            shell::run(shell::cargo(&generator).arg(&wasm).arg(&raw).arg(name))?;
            let file = format!("{name}_bg.wasm");
            let (from, to) = (raw.join(&file), dist.join(&file));
            let web = &web;
            // One core is enough for it: the next module is compiled meanwhile.
            optimising.push(scope.spawn(move || optimise(web, &from, &to)));
        }
        optimising.into_iter().try_for_each(|one| match one.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;

    println!("\nThe package");
    // The TypeScript beside it imports the generated modules, and so do the files that it becomes.
    let generated = MODULES.map(|(_, name)| [format!("{name}.js"), format!("{name}.d.ts")]);
    copy(&raw, &package.join("src"), generated.as_flattened())?;
    npm::run(&web, &["run", "build", "--workspace", "photonet"])?;
    copy(&raw, &dist, generated.as_flattened())?;
    copy(&shell::root(), &package, &["LICENSE-MIT", "LICENSE-APACHE"])?;

    println!("\nThe page");
    npm::run(&web, &["run", "build", "--workspace", "photonet-site"])
}

/// Builds the page and the program, and has it serve the page until interrupted.
///
/// # Errors
/// As [`build`], and when the program ends with an error. A model that is not there and a port that is taken are told before anything is
/// built.
pub fn serve(model: Option<&Path>, port: Option<u16>) -> Result<(), String> {
    if let Some(model) = model.filter(|model| !model.exists()) {
        return Err(format!("--model: there is no {}", model.display()));
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(PORT)));
    if let Err(error) = TcpListener::bind(address) {
        return Err(format!(
            "cannot listen on {address}: {error}; choose another port with --port, or 0 for any free one"
        ));
    }
    build()?;
    let mut command = shell::cargo(&["run", "--quiet", "--release", "-p", "photonet-cli", "--", "serve"]);
    if let Some(model) = model {
        command.arg("--model").arg(std::path::absolute(model).unwrap_or_else(|_| model.to_path_buf()));
    }
    if let Some(port) = port {
        command.args(["--port", &port.to_string()]);
    }
    shell::run(&mut command)
}

fn compile(package: &str, with: &Wasm) -> Result<PathBuf, String> {
    let words = ["build", "--package", package, "--profile", "web", "--target", TARGET];
    let target = program::target()?;
    let target = match with {
        Wasm::Rustup => {
            shell::run(shell::cargo(&words).env("CARGO_ENCODED_RUSTFLAGS", flags(&[])))?;
            target
        }
        Wasm::Debian(rust) => {
            // Apart from rustup's: another compiler's results would be built anew each time.
            let target = target.join("debian");
            let mut command = Command::new(&rust.cargo);
            command.current_dir(shell::root()).args(words).arg("-Zbuild-std=std,panic_abort");
            command.env("CARGO_TARGET_DIR", &target).env("RUSTC", &rust.rustc).env("RUSTC_BOOTSTRAP", "1");
            command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env("PATH", rust.path());
            command.env("CARGO_ENCODED_RUSTFLAGS", flags(&[format!("-Clinker={}", rust.linker)]));
            shell::run(&mut command)?;
            target
        }
    };
    Ok(target.join(TARGET).join("web").join(package.replace('-', "_")).with_extension("wasm"))
}

/// The compiler's flags, as cargo takes them where they may hold blanks. What a panic says of its place would name the builder's
/// home for every dependency: that tells a visitor what is none of his business, and takes 5 KB.
fn flags(more: &[String]) -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let sources = home.map(|home| home.join("registry/src"));
    let registries = sources.iter().filter_map(|sources| std::fs::read_dir(sources).ok()).flatten().flatten();
    let remap = |registry: std::fs::DirEntry| format!("--remap-path-prefix={}/=", registry.path().display());
    let mut flags = vec![RUST_FEATURES.to_string()];
    flags.extend(registries.map(remap));
    flags.extend_from_slice(more);
    flags.join("\u{1f}")
}

/// Shrinks the wasm. Takes half a minute, so it is left out while its input and the options are the same.
fn optimise(web: &Path, raw: &Path, to: &Path) -> Result<(), String> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()));
    let before = raw.with_extension("optimised");
    let bytes = read(raw)?;
    let made_of = [OPTIMISER.join(" ").as_bytes(), &bytes].concat();
    if to.is_file() && read(&before).is_ok_and(|last| last == made_of) {
        println!("  {} is up to date", to.display());
        return Ok(());
    }
    let mut command = Command::new("node");
    command.arg(web.join("node_modules/binaryen/bin/wasm-opt")).args(OPTIMISER).arg(raw).arg("-o").arg(to);
    shell::run(&mut command)?;
    println!("  {}: {} bytes, {} before", to.display(), read(to)?.len(), bytes.len());
    std::fs::write(&before, made_of).map_err(|e| format!("cannot write {}: {e}", before.display()))
}

fn create(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| format!("cannot create {}: {e}", folder.display()))
}

fn copy(from: &Path, to: &Path, names: &[impl AsRef<Path>]) -> Result<(), String> {
    for name in names.iter().map(AsRef::as_ref) {
        std::fs::copy(from.join(name), to.join(name))
            .map_err(|e| format!("cannot copy {} to {}: {e}", from.join(name).display(), to.display()))?;
    }
    Ok(())
}
