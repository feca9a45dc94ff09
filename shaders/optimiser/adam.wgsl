// Adam over the flat parameter buffer, in Paddle's form, at its t-th update:
// g += decay * p; m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2;
// p -= learning_rate * rate * c / (1 - beta1^t) * m / (sqrt(v) + epsilon * c), where c = sqrt(1 - beta2^t).
// DECOUPLED, it is AdamW: p *= 1 - learning_rate * rate * decay before all that, and g stays as it is.
// parameters, gradients, moment1 (m), moment2 (v) [length]; ranges: learning-rate factor and decay for each block of 64 parameters.
#import grid
#import step

struct Params {
    length: u32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
}

override DECOUPLED: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> step: Step;
@group(0) @binding(2) var<storage, read> ranges: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> moment1: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> moment2: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> parameters: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 256u + lane;
    if at >= params.length {
        return;
    }
    let range = ranges[at / 16u];
    let rate = step.learning_rate * range.x;
    var p = parameters[at];
    var g = gradients[at];
    if DECOUPLED {
        p -= p * (rate * range.y);
    } else {
        g += p * range.y;
    }
    let m = moment1[at] * params.beta1 + g * (1.0 - params.beta1);
    let v = moment2[at] * params.beta2 + g * g * (1.0 - params.beta2);
    moment1[at] = m;
    moment2[at] = v;
    let spread = sqrt(v) + params.epsilon * step.second_correction;
    parameters[at] = p - m / spread * (rate * step.second_correction / step.first_correction);
}
