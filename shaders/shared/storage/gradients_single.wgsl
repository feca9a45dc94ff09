// Gradients of activations as they lie in memory.
alias Gradient = vec4<f32>;

fn from_gradient(x: Gradient) -> vec4<f32> {
    return x;
}

fn to_gradient(x: vec4<f32>) -> Gradient {
    return x;
}
