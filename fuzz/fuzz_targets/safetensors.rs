//! `.safetensors`: the first byte gives the length of the header.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((length, rest)) = data.split_first() else { return };
    photonet_fuzz::open(&[*length, 0, 0, 0, 0, 0, 0, 0, b'{'], rest);
});
