//! Half precision by the device's own type; the other tests take it apart and together, on a device without features.

use super::check_cases;
use photonet_gpu::{DeviceChoice, Gpu, GpuOptions, HalfType};
use photonet_nn::check;

#[test]
fn kernels_with_the_type_f16_match_their_twins() {
    let half = Some(HalfType::Native);
    let options = GpuOptions { portable: false, half, ..GpuOptions::new(DeviceChoice::Auto) };
    let gpu = pollster::block_on(Gpu::open(&options)).unwrap();
    if gpu.half() == HalfType::Packed {
        println!("skipped: {} has no shader-f16", gpu.adapter().name);
        return;
    }
    check_cases(&gpu, check::cases().into_iter().filter(|case| case.shape.contains(" f16")).collect());
}
