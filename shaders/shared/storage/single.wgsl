// Numbers as they lie in memory, for whoever has a format of his own: `Stored` becomes `Value`, `Weight` or `Gradient`.
alias Stored = vec4<f32>;

fn from_stored(x: Stored) -> vec4<f32> {
    return x;
}

fn to_stored(x: vec4<f32>) -> Stored {
    return x;
}
