//! Builds the shader registry: expands, validates and reflects every kernel under `shaders/`.

mod expand;
mod reflect;
mod texts;

use expand::{Expanded, ShaderError, StorageTexts, Variant};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../shaders");
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-changed=build");
    // Where wgpu has Vulkan as it comes.
    println!("cargo::rustc-check-cfg=cfg(recordable)");
    let target = |name| env::var(name).unwrap_or_default();
    if target("CARGO_CFG_TARGET_ARCH") != "wasm32" && target("CARGO_CFG_TARGET_VENDOR") != "apple" {
        println!("cargo::rustc-cfg=recordable");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let (text, errors) = generate(&root, &out);
    if !errors.is_empty() {
        for error in errors {
            println!("cargo::error={error}");
        }
        process::exit(1);
    }
    write(&out.join("kernels.rs"), text.as_bytes());
}

fn write(path: &Path, bytes: &[u8]) {
    if let Err(e) = fs::write(path, bytes) {
        fail(&format!("cannot write {}: {e}", path.display()));
    }
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    process::exit(1);
}

/// The registry's Rust text, and all that is wrong with the shaders; their own texts are written to `folder`.
fn generate(root: &Path, folder: &Path) -> (String, Vec<ShaderError>) {
    let mut errors = Vec::new();
    let variants_file = Path::new("variants.txt");
    let variants = fs::read_to_string(root.join(variants_file)).unwrap_or_default();
    let variants = expand::parse_variants(&variants, variants_file).unwrap_or_else(|e| {
        errors.push(e);
        Vec::new()
    });
    let formats = expand::storage_texts(root).unwrap_or_else(|e| {
        errors.push(e);
        StorageTexts::default()
    });
    let matrices = expand::matrix_texts(root).unwrap_or_else(|e| {
        errors.push(e);
        Vec::new()
    });
    let for_page = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "wasm32");
    let bare = |text: &str| texts::bare(text, for_page);
    let mut out = String::new();
    let mut kernels = Vec::new();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for kernel in kernel_files(root) {
        let of_kernel: Vec<&Variant> = variants.iter().filter(|v| v.kernel == kernel).collect();
        let choices: Vec<Option<&Variant>> =
            if of_kernel.is_empty() { vec![None] } else { of_kernel.into_iter().map(Some).collect() };
        for variant in choices {
            let built = expand::expand(root, &kernel, variant)
                .and_then(|e| reflect::reflect_all(&e, &formats, &matrices).map(|r| (e, r)));
            match built {
                Ok((expanded, reflection)) => {
                    hash = hashed(hash, &expanded.source);
                    kernels.push((bare(&expanded.source), expanded, reflection));
                }
                Err(e) => errors.push(e),
            }
        }
    }
    let mut common = String::new();
    for name in texts::COMMON {
        match kernels.iter().find(|(_, kernel, _)| kernel.name == name) {
            Some((text, ..)) => common += text,
            // What is wrong with it has been said, if it is there.
            None if errors.is_empty() => fail(&format!("no kernel `{name}`, which build/texts.rs names")),
            None => {}
        }
    }
    if common.len() > texts::WINDOW {
        fail(&format!(
            "build/texts.rs names kernels of {} bytes, beyond the {} that are seen",
            common.len(),
            texts::WINDOW
        ));
    }
    let compress = |file: &str, dictionary: &str, text: &str| {
        write(
            &folder.join(file),
            &texts::deflate(dictionary, text).unwrap_or_else(|e| fail(&format!("{file}: {e}"))),
        );
    };
    compress("common.deflate", "", &common);
    let _ = writeln!(
        out,
        "/// What the kernels' texts are to be read behind.\npub(crate) const COMMON: (&[u8], usize) = (include_bytes!(\"common.deflate\"), {});",
        common.len()
    );
    let mut names = Vec::new();
    for (text, expanded, reflection) in &kernels {
        let constant = constant_name(&expanded.name);
        let file = format!("{}.deflate", constant.to_lowercase());
        compress(&file, &common, text);
        write_kernel(&mut out, &constant, expanded, reflection, (&file, text.len()));
        names.push(constant);
    }
    for ((role, _, in_order), of_role) in expand::STORAGE_ROLES.iter().zip(&formats) {
        hash = of_role.iter().fold(hash, |hash, text| hashed(hash, text));
        let types: Vec<String> = of_role.iter().map(|text| bare(text)).collect();
        let name = role.to_uppercase();
        let _ = writeln!(
            out,
            "/// The types of {role} in `shared/storage`: {in_order:?}.\npub(crate) const {name}: [&str; {}] = {types:?};",
            types.len()
        );
    }
    hash = matrices.iter().fold(hash, |hash, text| hashed(hash, text));
    let types: Vec<(u32, String)> =
        expand::MATRIX_EDGES.into_iter().zip(matrices.iter().map(|text| bare(text))).collect();
    let _ = writeln!(
        out,
        "/// The types of matrix units, by the side of their matrices.\npub(crate) const MATRICES: [(u32, &str); {}] = {types:?};",
        types.len()
    );
    let list = names.iter().map(|n| format!("&{n}")).collect::<Vec<_>>().join(", ");
    let _ = writeln!(out, "/// A hash of all kernels' texts.\npub const HASH: u64 = {hash:#x};");
    let _ = writeln!(out, "/// Every kernel, by file name.\npub static ALL: &[&Kernel] = &[{list}];");
    (out, errors)
}

/// FNV-1a: what was measured of one text says nothing of another.
fn hashed(hash: u64, text: &str) -> u64 {
    text.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Kernel files under `root` without extension, sorted; `shared/` holds snippets, not kernels.
fn kernel_files(root: &Path) -> Vec<String> {
    let mut kernels = Vec::new();
    for folder in fs::read_dir(root).into_iter().flatten().flatten().filter(|e| e.path().is_dir()) {
        let layer = folder.file_name().to_string_lossy().into_owned();
        if layer == "shared" {
            continue;
        }
        for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            let path = file.path();
            if let (Some(stem), Some("wgsl")) =
                (path.file_stem().and_then(|s| s.to_str()), path.extension().and_then(|e| e.to_str()))
            {
                kernels.push(format!("{layer}/{stem}"));
            }
        }
    }
    kernels.sort();
    kernels
}

fn constant_name(kernel: &str) -> String {
    kernel.replace(['/', '@', '-', '.'], "_").to_uppercase()
}

fn write_kernel(
    out: &mut String,
    constant: &str,
    kernel: &Expanded,
    r: &reflect::Reflection,
    (file, length): (&str, usize),
) {
    let bindings: String = r
        .bindings
        .iter()
        .map(|b| {
            format!(
                "Binding {{ name: {:?}, index: {}, access: Access::{}, role: Role::{}, min_bytes: {} }}, ",
                b.name, b.index, b.access, b.role, b.min_bytes
            )
        })
        .collect();
    let overrides: String =
        r.overrides.iter().map(|(n, d)| format!("Override {{ name: {n:?}, has_default: {d} }}, ")).collect();
    let _ = writeln!(
        out,
        "/// `shaders/{}.wgsl`.\npub static {constant}: Kernel = Kernel {{ name: {:?}, source: Source::Deflated {{ bytes: include_bytes!({:?}), length: {} }}, stored: {}, matrix: {}, subgroups: {}, \
         workgroup_size: {:?}, shared_bytes: {}, bindings: &[{bindings}], overrides: &[{overrides}] }};",
        kernel.name.split('@').next().unwrap_or(&kernel.name),
        kernel.name,
        file,
        length,
        kernel.stored,
        kernel.matrix,
        kernel.subgroups,
        r.workgroup_size,
        r.shared_bytes,
    );
}
