// RMSProp, in Paddle's form, with epsilon inside the root:
// g += decay * p; s = rho * s + (1 - rho) * g^2; m = momentum * m + learning_rate * rate * g / sqrt(s + epsilon); p -= m.
// CENTERED subtracts the square of the gradient's mean from s in the root: a = rho * a + (1 - rho) * g.
// Without MOVING the momentum is 0 and m is not kept. Settings: rho, epsilon, momentum.
// mean_square (s), moment (m), mean_gradient (a) [length]. What is not kept is bound to something else, and is not touched.
#import update

override CENTERED: bool = false;
override MOVING: bool = false;

@group(0) @binding(5) var<storage, read_write> mean_square: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> moment: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> mean_gradient: array<vec4<f32>>;

fn update(at: u32, range: vec2<f32>, p: vec4<f32>) -> vec4<f32> {
    let rho = params.first;
    let g = gradients[at] + p * range.y;
    let s = mean_square[at] * rho + g * g * (1.0 - rho);
    mean_square[at] = s;
    var spread = s;
    if CENTERED {
        let a = mean_gradient[at] * rho + g * (1.0 - rho);
        mean_gradient[at] = a;
        // Below zero by rounding alone.
        spread = max(s - a * a, vec4<f32>(0.0));
    }
    var m = g / sqrt(spread + params.second) * (step.learning_rate * range.x);
    if MOVING {
        m += moment[at] * params.third;
        moment[at] = m;
    }
    return p - m;
}
