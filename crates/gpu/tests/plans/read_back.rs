//! Buffers: sizes, writes and reads of parts.

use crate::{buffer, gpu, open};
use photonet_gpu::GpuError;
use pollster::block_on;

#[test]
fn parts_are_read_by_offset_and_count() {
    let values: Vec<f32> = (0..64).map(|i| i as f32).collect();
    let buffer = buffer(gpu(), &values);
    assert_eq!(block_on(gpu().read::<f32>(&buffer, 0, 64)).unwrap(), values);
    assert_eq!(block_on(gpu().read::<f32>(&buffer, 40, 3)).unwrap(), [10.0, 11.0, 12.0]);
    assert_eq!(block_on(gpu().read::<[f32; 4]>(&buffer, 240, 1)).unwrap(), [[60.0, 61.0, 62.0, 63.0]]);
    assert!(block_on(gpu().read::<f32>(&buffer, 0, 0)).unwrap().is_empty());
}

#[test]
fn bytes_are_read_in_any_number() {
    let bytes: Vec<u8> = (0..16).collect();
    let buffer = block_on(gpu().buffer_with("bytes", &bytes)).unwrap();
    for count in 1..=12 {
        assert_eq!(block_on(gpu().read::<u8>(&buffer, 4, count)).unwrap(), bytes[4..4 + count]);
    }
}

#[test]
fn new_buffers_are_zero_and_rounded_up() {
    for (bytes, size) in [(0, 16), (1, 16), (16, 16), (17, 32)] {
        let buffer = block_on(gpu().buffer("zero", bytes)).unwrap();
        assert_eq!(buffer.bytes(), size);
        assert!(block_on(gpu().read::<u8>(&buffer, 0, size as usize)).unwrap().iter().all(|&b| b == 0));
    }
}

#[test]
fn writes_land_at_their_offset() {
    let buffer = buffer(gpu(), &[0.0; 8]);
    gpu().write(&buffer, 8, &[1.0_f32, 2.0]);
    let expected = [0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(block_on(gpu().read::<f32>(&buffer, 0, 8)).unwrap(), expected);
}

#[test]
fn a_read_that_has_begun_gives_what_there_was_then() {
    let buffer = buffer(gpu(), &[1.0; 4]);
    let first = block_on(gpu().begin_read::<f32>(&buffer, 4, 2)).unwrap();
    gpu().write(&buffer, 0, &[2.0_f32; 4]);
    let second = block_on(gpu().begin_read::<f32>(&buffer, 4, 2)).unwrap();
    gpu().write(&buffer, 0, &[3.0_f32; 4]);
    // In any order.
    assert_eq!(block_on(second.finish(gpu())).unwrap(), [2.0; 2]);
    assert_eq!(block_on(first.finish(gpu())).unwrap(), [1.0; 2]);
    assert_eq!(block_on(gpu().read::<f32>(&buffer, 4, 2)).unwrap(), [3.0; 2]);
    assert!(
        block_on(block_on(gpu().begin_read::<f32>(&buffer, 0, 0)).unwrap().finish(gpu())).unwrap().is_empty()
    );
}

#[test]
fn a_buffer_above_the_limit_is_refused() {
    let limit = gpu().binding_limit();
    let error = block_on(gpu().buffer("photos", limit + 1)).err().unwrap();
    assert!(matches!(&error, GpuError::TooLarge { label, .. } if label == "photos"), "{error}");
}

#[test]
fn a_write_beyond_the_end_is_found_at_the_next_check() {
    let gpu = open();
    let buffer = buffer(&gpu, &[0.0; 4]);
    gpu.check().unwrap();
    gpu.write(&buffer, 8, &[1.0_f32; 4]);
    assert!(matches!(gpu.check(), Err(GpuError::Submitted { .. })));
}

#[test]
fn a_read_beyond_the_end_is_an_error() {
    let gpu = open();
    let buffer = buffer(&gpu, &[0.0; 4]);
    let error = block_on(gpu.read::<f32>(&buffer, 0, 8)).err().unwrap();
    assert!(matches!(error, GpuError::Submitted { .. } | GpuError::ReadBack(_)), "{error}");
}
