//! Products on matrix units, on devices that have some: a software one from Mesa 26.2, or NVIDIA's.

use super::{check_cases, expect_launched};
use photonet_gpu::{DeviceChoice, DeviceClass, Gpu, GpuOptions, HalfType};
use photonet_nn::check;

#[test]
fn kernels_on_matrix_units_match_their_twins() {
    let options = GpuOptions {
        class: Some(DeviceClass::Discrete),
        portable: false,
        matrix_units: Some(true),
        half: Some(HalfType::Native),
        ..GpuOptions::new(DeviceChoice::Auto)
    };
    let gpu = pollster::block_on(Gpu::open(&options)).unwrap();
    let Some(units) = gpu.matrix_units() else {
        println!("skipped: {} has no matrix units that kernels can take", gpu.adapter().name);
        return;
    };
    let cases = check::cases_on_matrix_units(units);
    expect_launched(gpu.class(), cases.iter(), |kernel| kernel.matrix && units.fit(kernel));
    check_cases(&gpu, cases);
}
