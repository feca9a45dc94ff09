// As single.wgsl: the upper halves of two singles to a word (bfloat16), which has their range, so that nothing has to be
// scaled, and 8 bits of their precision. Rounds to the nearest, to even between two.
alias Stored = vec2<u32>;

fn from_stored(x: Stored) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4<u32>(x.x << 16u, x.x & 0xffff0000u, x.y << 16u, x.y & 0xffff0000u));
}

fn to_stored(x: vec4<f32>) -> Stored {
    let bits = bitcast<vec4<u32>>(x);
    let sum = bits + 0x7fffu + ((bits >> vec4<u32>(16u)) & vec4<u32>(1u));
    // The sum may carry a NaN over to zero, and a divergence would go unseen.
    let is_nan = (bits & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
    let rounded = select(sum, bits | vec4<u32>(0x400000u), is_nan);
    return vec2<u32>((rounded.x >> 16u) | (rounded.y & 0xffff0000u), (rounded.z >> 16u) | (rounded.w & 0xffff0000u));
}
