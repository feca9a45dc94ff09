//! Photos of every format.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // Small, so that time goes into bytes and not into pixels.
    let limits = photonet_vision::DecodeLimits { max_side: 2048, max_pixels: 1 << 20 };
    let _ = photonet_vision::decode(data, &limits);
});
