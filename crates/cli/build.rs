//! Puts the built page (`cargo xtask web`) into the program, for `photonet serve`. A program that is built
//! without the page says how to get it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let site = here.join("../../web/site");
    println!("cargo::rerun-if-changed=build.rs");
    // The folder that is always there: a path that is missing would make every build start over.
    if site.is_dir() {
        println!("cargo::rerun-if-changed={}", site.display());
    }
    let page = site.join("dist");
    let mut files = Vec::new();
    if page.join("index.html").is_file() {
        collect(&page, &mut files)?;
        files.sort();
    }
    // Copies, so that a page that is built anew meanwhile changes nothing under the compiler.
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let copies = out.join("page");
    if copies.is_dir() {
        fs::remove_dir_all(&copies)?;
    }
    fs::create_dir_all(&copies)?;
    let mut code = String::from("pub static FILES: &[(&str, &[u8])] = &[\n");
    for (number, file) in files.iter().enumerate() {
        let inside = file.strip_prefix(&page).unwrap_or(file);
        let name: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
        let copy = copies.join(number.to_string());
        fs::copy(file, &copy)?;
        // Writing to a string cannot fail.
        let _ =
            writeln!(code, "    ({:?}, include_bytes!({:?})),", name.join("/"), copy.display().to_string());
    }
    code += "];\n";
    fs::write(out.join("page.rs"), code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
