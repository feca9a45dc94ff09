//! PyTorch's zip form.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    photonet_fuzz::open(b"PK\x03\x04", data);
});
