//! Products on matrix units, on devices that have some: a software one from Mesa 26.2, or NVIDIA's.

use super::check_cases;
use photonet_gpu::{DeviceChoice, DeviceClass, Gpu, GpuOptions, HalfType, kernels};
use photonet_nn::check;
use std::collections::HashSet;

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
    let mut launched = HashSet::new();
    for case in &cases {
        launched.extend(pollster::block_on(case.kernels(&gpu)).unwrap());
    }
    let all =
        kernels::ALL.iter().filter(|kernel| kernel.matrix && units.fit(kernel)).map(|kernel| kernel.name);
    let missing: Vec<_> = all.filter(|name| !launched.contains(name)).collect();
    assert!(missing.is_empty(), "no case launches {missing:?}");
    check_cases(&gpu, cases);
}
