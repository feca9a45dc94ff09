// Weights as they lie in memory: half precision in pairs, for devices without the type.
alias Weight = vec2<u32>;

fn from_weight(x: Weight) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(x.x), unpack2x16float(x.y));
}
