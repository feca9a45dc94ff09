//! Kernels whose subgroups exchange values, on software devices that can: lavapipe, where the processor has AVX2.

use super::{check_cases, expect_launched};
use photonet_gpu::{DeviceChoice, DeviceClass, Gpu, GpuOptions, SUBGROUP, kernels};
use photonet_nn::check;

#[test]
fn kernels_in_subgroups_match_their_twins() {
    let options = GpuOptions {
        class: Some(DeviceClass::Software),
        subgroups: Some(true),
        ..GpuOptions::new(DeviceChoice::Software)
    };
    let gpu = match pollster::block_on(Gpu::open(&options)) {
        Ok(gpu) if gpu.subgroups() => gpu,
        Ok(gpu) => {
            println!("skipped: {} has no subgroups of the size that kernels take", gpu.adapter().name);
            return;
        }
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    for kernel in kernels::ALL.iter().filter(|kernel| kernel.subgroups) {
        assert!(kernel.workgroup_size[0].is_multiple_of(SUBGROUP), "{}", kernel.name);
    }
    let cases = check::cases_in_subgroups();
    expect_launched(gpu.class(), cases.iter(), |kernel| kernel.subgroups);
    check_cases(&gpu, cases);
}
