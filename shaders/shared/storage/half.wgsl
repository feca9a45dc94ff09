// As single.wgsl: half precision, by the device's own type. What is too large becomes the largest
// but one: a compiler that counts on there being no infinity would leave out a comparison with the largest.
alias Stored = vec4<f16>;

fn from_stored(x: Stored) -> vec4<f32> {
    return vec4<f32>(x);
}

fn to_stored(x: vec4<f32>) -> Stored {
    return clamp(vec4<f16>(x), vec4<f16>(-65472.0), vec4<f16>(65472.0));
}
