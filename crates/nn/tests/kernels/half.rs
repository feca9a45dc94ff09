//! Half precision by the device's own type; the other tests take it apart and together, on a device without features.

use super::check_cases;
use photonet_gpu::{DeviceChoice, Gpu, GpuOptions, HalfType};
use photonet_nn::check::{self, Case};

#[test]
fn kernels_with_the_type_f16_match_their_twins() {
    let half = Some(HalfType::Native);
    let options = GpuOptions { portable: false, half, ..GpuOptions::new(DeviceChoice::Auto) };
    let gpu = pollster::block_on(Gpu::open(&options)).unwrap();
    if gpu.half() == HalfType::Packed {
        println!("skipped: {} has no shader-f16", gpu.adapter().name);
        return;
    }
    // Those for inference, and of training the smaller half: the texts differ in their types alone, and compiling takes long.
    let chosen = |case: &Case| {
        let inference = case.shape.ends_with(" f16") || case.shape.ends_with(" f16 weights");
        let training = case.shape.contains(" f16 values") && !case.kernel.starts_with("depthwise");
        inference || training && case.shape.starts_with("2x")
    };
    check_cases(&gpu, check::cases().into_iter().filter(chosen).collect());
}
