// As single.wgsl: the upper halves of two singles to a word (bfloat16), which has their range, so that nothing has to be
// scaled, and 8 bits of their precision. Rounds to the nearest, away from zero between two: to even would take half as many
// operations again, and what is rounded has been added up in single precision and is hardly ever between.
alias Stored = vec2<u32>;

fn from_stored(x: Stored) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4<u32>(x.x << 16u, x.x & 0xffff0000u, x.y << 16u, x.y & 0xffff0000u));
}

fn to_stored(x: vec4<f32>) -> Stored {
    // What is above the largest number, and a NaN, becomes that, which shows as well: a NaN with all its bits set would be
    // carried over to zero.
    let rounded = bitcast<vec4<u32>>(min(x, vec4<f32>(3.38953139e38))) + 0x8000u;
    return vec2<u32>((rounded.x >> 16u) | (rounded.y & 0xffff0000u), (rounded.z >> 16u) | (rounded.w & 0xffff0000u));
}
