// Adam, in Paddle's form, at its t-th update:
// g += decay * p; m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2;
// p -= learning_rate * rate * c / (1 - beta1^t) * m / (sqrt(v) + epsilon * c), where c = sqrt(1 - beta2^t).
// DECOUPLED, it is AdamW: p *= 1 - learning_rate * rate * decay before all that, and g stays as it is.
// Settings: beta1, beta2, epsilon. moment1 (m), moment2 (v) [length].
#import update

override DECOUPLED: bool = false;

@group(0) @binding(5) var<storage, read_write> moment1: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> moment2: array<vec4<f32>>;

fn update(at: u32, range: vec2<f32>, before: vec4<f32>) -> vec4<f32> {
    let beta1 = params.first;
    let beta2 = params.second;
    let rate = step.learning_rate * range.x;
    var p = before;
    var g = gradients[at];
    if DECOUPLED {
        p -= p * (rate * range.y);
    } else {
        g += p * range.y;
    }
    let m = moment1[at] * beta1 + g * (1.0 - beta1);
    let v = moment2[at] * beta2 + g * g * (1.0 - beta2);
    moment1[at] = m;
    moment2[at] = v;
    let spread = sqrt(v) + params.third * step.second_correction;
    return p - m / spread * (rate * step.second_correction / step.first_correction);
}
