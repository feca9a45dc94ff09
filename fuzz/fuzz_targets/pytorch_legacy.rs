//! PyTorch's form before 1.6, after its magic number, version and facts of the machine.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let start = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00.";
    photonet_fuzz::open(start, data);
});
