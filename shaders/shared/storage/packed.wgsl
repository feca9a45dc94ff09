// As single.wgsl: half precision in pairs, for devices without the type. What is too large becomes the largest but one, as in half.wgsl.
alias Stored = vec2<u32>;

fn from_stored(x: Stored) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(x.x), unpack2x16float(x.y));
}

fn to_stored(x: vec4<f32>) -> Stored {
    let y = clamp(x, vec4<f32>(-65472.0), vec4<f32>(65472.0));
    return vec2<u32>(pack2x16float(y.xy), pack2x16float(y.zw));
}
