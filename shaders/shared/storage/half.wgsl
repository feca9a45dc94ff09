// As single.wgsl: half precision, by the device's own type. What is too large becomes the largest.
alias Stored = vec4<f16>;

fn from_stored(x: Stored) -> vec4<f32> {
    return vec4<f32>(x);
}

fn to_stored(x: vec4<f32>) -> Stored {
    return vec4<f16>(clamp(x, vec4<f32>(-65504.0), vec4<f32>(65504.0)));
}
