//! Photonet's own model files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = photonet_model::Model::from_bytes(data, std::path::Path::new("fuzzed"));
});
