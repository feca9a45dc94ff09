// Nesterov's momentum, in Paddle's form:
// g += decay * p; v = momentum * v + g; p -= learning_rate * rate * (g + momentum * v).
// velocity (v) [length].
#import update

@group(0) @binding(5) var<storage, read_write> velocity: array<vec4<f32>>;

fn update(at: u32, range: vec2<f32>, p: vec4<f32>) -> vec4<f32> {
    let g = gradients[at] + p * range.y;
    let v = velocity[at] * step.momentum + g;
    velocity[at] = v;
    return p - (g + v * step.momentum) * (step.learning_rate * range.x);
}
