// Activations as they lie in memory: half precision, by the device's own type. What is too large becomes the largest.
alias Value = vec4<f16>;

fn from_value(x: Value) -> vec4<f32> {
    return vec4<f32>(x);
}

fn to_value(x: vec4<f32>) -> Value {
    return vec4<f16>(clamp(x, vec4<f32>(-65504.0), vec4<f32>(65504.0)));
}
