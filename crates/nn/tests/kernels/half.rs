//! Half precision by the device's own type; the other tests take it apart and together, on a device without features.

use super::{check_cases, gpu};
use half::bf16;
use photonet_gpu::{DeviceChoice, Format, Gpu, GpuOptions, HalfType, PlanBuilder};
use photonet_nn::check::{self, Case};
use photonet_nn::{Activation, Behind, GlobalPool, Norm, Shape};

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

/// Rounding to the nearest, away from zero between two, bit for bit; an infinity stays or becomes the largest number, and so does
/// every kind of NaN.
#[test]
fn bfloat16_is_rounded_exactly_and_shows_nan() {
    let bits = [
        0,
        0x8000_0000,
        0x3f80_8000,
        0x3f81_8000,
        0x3f80_7fff,
        0x3f80_8001,
        0x7f7f_ffff,
        0x7f80_0000,
        0xff80_0000,
        0x7fc0_0000,
        0x7fff_ffff,
        0xffff_ffff,
        0x7f80_0001,
        0x0000_8000,
        0x0001_8000,
        0xbf80_8001,
    ];
    let values: Vec<f32> = bits.iter().map(|&bits: &u32| f32::from_bits(bits)).collect();
    let gpu = gpu();
    // A pool of one position hands its single-precision gradients on as they are, behind a unit without activation.
    let layer = GlobalPool { input: Shape::vector(1, values.len()) };
    let input = pollster::block_on(gpu.buffer_with("input", &values)).unwrap();
    let output = pollster::block_on(gpu.buffer("output", values.len() as u64 * 2)).unwrap();
    let mut plan = PlanBuilder::for_gpu(&gpu);
    let (from, to) = (plan.import(&input), plan.import(&output).with_format(Format::Brain));
    let moments = plan.transient("moments", values.len() as u64 * 16);
    let behind = Behind { raw: from, norm: Norm { moments, activation: Activation::Identity } };
    layer.backward(&mut plan, "check", from, &behind, to);
    pollster::block_on(plan.build(&gpu)).unwrap().run().unwrap();
    let found: Vec<u16> = pollster::block_on(gpu.read(&output, 0, values.len())).unwrap();
    for (value, found) in values.iter().zip(found) {
        let expected = ((value.to_bits().wrapping_add(0x8000)) >> 16) as u16;
        let huge = value.is_nan() || value.abs() > bf16::MAX.to_f32();
        let same = if huge { found & 0x7fff >= bf16::MAX.to_bits() } else { found == expected };
        // Devices may take the smallest values for zero.
        let tiny = value.is_subnormal() && found & 0x7fff == 0;
        assert!(same || tiny, "{:08x}: {found:04x}, not {expected:04x}", value.to_bits());
    }
}
