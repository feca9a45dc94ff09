//! A run that is asked to stop.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use photonet_gpu::{DeviceChoice, Gpu, GpuOptions};
use photonet_train::config::Config;
use photonet_train::dataset::{SplitOptions, open};
use photonet_train::trainer::{Outcome, RunOptions, train};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// A run of one step an epoch that is asked to stop before its first step.
fn stopped(photos: &Path, epochs: u32) -> Outcome {
    let out = tempfile::tempdir().unwrap();
    let mut config = Config::defaults();
    config.arch.width = 0.35;
    config.set_size(32);
    config.set_epochs(epochs);
    config.train.batch_size = 4;
    config.global.output_dir = out.path().to_path_buf();
    let gpu = pollster::block_on(Gpu::open(&GpuOptions::new(DeviceChoice::Auto))).unwrap();
    let split = open(photos, SplitOptions::default()).unwrap();
    train(&gpu, &config, split, &RunOptions::default(), &AtomicBool::new(true)).unwrap()
}

#[test]
fn a_stop_in_the_last_step_is_the_end_and_no_interruption() {
    let photos = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        std::fs::create_dir(photos.path().join(class)).unwrap();
        for number in 0..3 {
            let picture = image::RgbImage::from_pixel(40, 40, image::Rgb([90 * number, 40, 99]));
            picture.save(photos.path().join(class).join(format!("{number}.png"))).unwrap();
        }
    }
    let ends = [1, 2].map(|epochs| stopped(photos.path(), epochs));
    assert_eq!(ends.map(|end| (end.interrupted, end.epochs, end.of)), [(false, 1, 1), (true, 1, 2)]);
}
