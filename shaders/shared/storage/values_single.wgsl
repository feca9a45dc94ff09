// Activations as they lie in memory.
alias Value = vec4<f32>;

fn from_value(x: Value) -> vec4<f32> {
    return x;
}

fn to_value(x: vec4<f32>) -> Value {
    return x;
}
