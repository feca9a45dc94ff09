// Nesterov's momentum over the flat parameter buffer, in Paddle's form:
// g += decay * p; v = momentum * v + g; p -= learning_rate * rate * (g + momentum * v).
// parameters, gradients, velocity [length]; ranges: learning-rate factor and decay for each block of 64 parameters.
#import grid
#import step

struct Params {
    length: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> step: Step;
@group(0) @binding(2) var<storage, read> ranges: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> velocity: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> parameters: array<vec4<f32>>;

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
    let v = velocity[at] * step.momentum + g;
    velocity[at] = v;
    parameters[at] = p - (g + v * step.momentum) * (step.learning_rate * range.x);
}
