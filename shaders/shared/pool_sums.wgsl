// Sums in single precision where kernels for matrix units have their halves before: `pool`, which they declare, four numbers at a time.
fn scratch(at: u32) -> vec4<f32> {
    return vec4<f32>(pool[2u * at], pool[2u * at + 1u]);
}

fn set_scratch(at: u32, value: vec4<f32>) {
    pool[2u * at] = value.xy;
    pool[2u * at + 1u] = value.zw;
}
