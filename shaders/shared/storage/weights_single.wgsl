// Weights as they lie in memory.
alias Weight = vec4<f32>;

fn from_weight(x: Weight) -> vec4<f32> {
    return x;
}
