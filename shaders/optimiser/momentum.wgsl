// Momentum, in Paddle's form: g += decay * p; v = momentum * v + g; p -= learning_rate * rate * v.
// A batch in parts takes one launch for each: v = momentum * v + share * g + decay * p, with momentum 1 and decay 0 for all but the
// first and a learning rate of 0 for all but the last.
// velocity (v) [length].
#import update

@group(0) @binding(5) var<storage, read_write> velocity: array<vec4<f32>>;

fn update(at: u32, range: vec2<f32>, p: vec4<f32>) -> vec4<f32> {
    let v = velocity[at] * step.momentum + (gradients[at] * step.share + p * (range.y * step.decay));
    velocity[at] = v;
    return p - v * (step.learning_rate * range.x);
}
