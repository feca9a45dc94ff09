//! `cfg(vectors)` where resizing has vectors, one set for each architecture.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(vectors)");
    let of_target = |key: &str| std::env::var(key).unwrap_or_default();
    let features = of_target("CARGO_CFG_TARGET_FEATURE");
    let has = match of_target("CARGO_CFG_TARGET_ARCH").as_str() {
        // Looked for when the program runs.
        "x86_64" => true,
        "aarch64" => of_target("CARGO_CFG_TARGET_ENDIAN") == "little",
        "wasm32" => features.split(',').any(|feature| feature == "simd128"),
        _ => false,
    };
    if has {
        println!("cargo::rustc-cfg=vectors");
    }
}
