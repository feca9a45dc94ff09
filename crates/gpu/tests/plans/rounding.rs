//! Half precision in pairs is rounded to the nearest, however a driver packs.

use crate::{buffer, gpu, wait};
use photonet_gpu::{
    Access, Binding, Dispatch, Format, HalfType, Kernel, PlanBuilder, Role, Source, Storage, kernels,
};

/// What a kernel sees of `values` once it has stored and loaded them, where a driver packs as `pack` does.
fn stored(values: &[f32], pack: &str) -> Vec<f32> {
    let half = Storage { values: Format::Half, ..Storage::default() };
    let whole = kernels::RESIDUAL_ADD.text(half, HalfType::Packed, None);
    // Of the text the types of activations alone.
    let (types, _) = whole.split_once("alias Weight").expect("activations' types come before weights'");
    let types = types.replace("pack2x16float(", "pack(");
    assert!(types.contains("alias Value") && types.contains(" pack("), "{types}");
    // The replacement has taken the name of what unpacks with it.
    let types = types.replace("unpack(", "unpack2x16float(");
    let text = format!(
        "{types}
        fn pack(x: vec2<f32>) -> u32 {{ {pack} }}
        @group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
        @group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
        @compute @workgroup_size(1)
        fn main(@builtin(workgroup_id) group: vec3<u32>) {{
            output[group.x] = from_value(to_value(input[group.x]));
        }}"
    );
    let binding = |name, index, access| Binding { name, index, access, role: Role::Fixed, min_bytes: 16 };
    let bindings = [binding("input", 0, Access::Read), binding("output", 1, Access::ReadWrite)];
    let kernel: &'static Kernel = Box::leak(Box::new(Kernel {
        name: "test/stored",
        source: Source::Text(text.leak()),
        stored: false,
        matrix: false,
        subgroups: false,
        workgroup_size: [1, 1, 1],
        shared_bytes: 0,
        bindings: Box::leak(Box::new(bindings)),
        overrides: &[],
    }));
    let (input, output) = (buffer(gpu(), values), buffer(gpu(), &vec![f32::NAN; values.len()]));
    let mut plan = PlanBuilder::new();
    let (from, to) = (plan.import(&input), plan.import(&output));
    let groups = (values.len() / 4) as u64;
    plan.dispatch(Dispatch::new(kernel, "stored").bind("input", from).bind("output", to).groups(groups));
    let plan = wait(plan.build(gpu()));
    wait(std::future::ready(plan.run()));
    wait(gpu().read(&output, 0, values.len()))
}

/// The nearest number in half precision, of two the even one; of what is too large the largest but one.
fn nearest(value: f32) -> f32 {
    let value = f64::from(value).clamp(-65472.0, 65472.0);
    let exponent = value.abs().log2().floor().max(-14.0);
    let distance = 2f64.powf(exponent - 10.0);
    ((value / distance).round_ties_even() * distance) as f32
}

#[test]
fn what_is_packed_has_been_rounded() {
    let mut values = vec![0.0, -0.0, 1.0, 1e9, -65_472.0, 65_480.0, -65_519.0, 6.1035156e-5];
    // Between two numbers, where the even one is below and above.
    values.extend([1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0, -2049.0, -2051.0]);
    let mut state = 1_u32;
    values.extend((0..4000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // From 2^-14 to 2^16, of both signs.
        let exponent = 113 + (state >> 8) % 29;
        f32::from_bits((state & 0x8000_0000) | exponent << 23 | (state >> 3 & 0x007f_ffff))
    }));
    let expected: Vec<f32> = values.iter().copied().map(nearest).collect();
    assert!(values.iter().zip(&expected).filter(|(a, b)| a != b).count() > 3900, "most need rounding");
    for (driver, pack) in [
        ("its own", "return pack2x16float(x);"),
        (
            "one that cuts off",
            "return pack2x16float(bitcast<vec2<f32>>(bitcast<vec2<u32>>(x) & vec2<u32>(0xffffe000u)));",
        ),
    ] {
        assert_eq!(stored(&values, pack), expected, "{driver}");
    }
}
