// Stochastic gradient descent, in Paddle's form: p -= learning_rate * rate * (g + decay * p).
#import update

fn update(at: u32, range: vec2<f32>, p: vec4<f32>) -> vec4<f32> {
    return p - (gradients[at] + p * range.y) * (step.learning_rate * range.x);
}
