// As single.wgsl: half precision in pairs, for devices without the type. What is too large becomes the largest but one, as in half.wgsl.
alias Stored = vec2<u32>;

fn from_stored(x: Stored) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(x.x), unpack2x16float(x.y));
}

fn to_stored(x: vec4<f32>) -> Stored {
    // Drivers may pack by cutting off what does not fit (Direct3D and AMD's older GPUs do), which would pull every tensor towards
    // zero. So what is packed fits: rounded to the nearest, to even between two. (Of what is below 2^-14, the smallest normal
    // number, up to 2^-24 may still be cut off.)
    let bits = bitcast<vec4<u32>>(clamp(x, vec4<f32>(-65472.0), vec4<f32>(65472.0)));
    let y = bitcast<vec4<f32>>((bits + 0xfffu + ((bits >> vec4<u32>(13u)) & vec4<u32>(1u))) & vec4<u32>(0xffffe000u));
    return vec2<u32>(pack2x16float(y.xy), pack2x16float(y.zw));
}
