// RMSProp over the flat parameter buffer, in Paddle's form, with epsilon inside the root:
// g += decay * p; s = rho * s + (1 - rho) * g^2; m = momentum * m + learning_rate * rate * g / sqrt(s + epsilon); p -= m.
// CENTERED subtracts the square of the gradient's mean from s in the root: a = rho * a + (1 - rho) * g.
// Without MOVING the momentum is 0 and m is not kept.
// parameters, gradients, mean_square, moment, mean_gradient [length]; ranges: learning-rate factor and decay for each block of 64
// parameters. What is not kept is bound to something else, and is not touched.
#import grid
#import step

struct Params {
    length: u32,
    rho: f32,
    epsilon: f32,
    momentum: f32,
}

override CENTERED: bool = false;
override MOVING: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> step: Step;
@group(0) @binding(2) var<storage, read> ranges: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> mean_square: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> moment: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> mean_gradient: array<vec4<f32>>;

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
    let p = parameters[at];
    let g = gradients[at] + p * range.y;
    let s = mean_square[at] * params.rho + g * g * (1.0 - params.rho);
    mean_square[at] = s;
    var spread = s;
    if CENTERED {
        let a = mean_gradient[at] * params.rho + g * (1.0 - params.rho);
        mean_gradient[at] = a;
        // Below zero by rounding alone.
        spread = max(s - a * a, vec4<f32>(0.0));
    }
    var m = g / sqrt(spread + params.epsilon) * (step.learning_rate * range.x);
    if MOVING {
        m += moment[at] * params.momentum;
        moment[at] = m;
    }
    parameters[at] = p - m;
}
