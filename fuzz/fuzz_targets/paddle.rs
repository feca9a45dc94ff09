//! PaddlePaddle's pickles.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    photonet_fuzz::open(b"\x80\x04", data);
});
