// Weights as they lie in memory: half precision, by the device's own type.
alias Weight = vec4<f16>;

fn from_weight(x: Weight) -> vec4<f32> {
    return vec4<f32>(x);
}
