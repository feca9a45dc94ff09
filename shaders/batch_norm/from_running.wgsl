// Normalisation from the running statistics, for inference and for frozen layers.
// running [2][channels]: mean, variance; moments [4][channels] as in batch_norm/finalise.
#import grid

struct Params {
    channels: u32,
    epsilon: f32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> beta: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> running: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> moments: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.channels;
    let c = linear_group(group_id, grid) * 64u + lane;
    if c >= channels {
        return;
    }
    let mean = running[c];
    let inverse = 1.0 / sqrt(running[channels + c] + params.epsilon);
    let scale = gamma[c] * inverse;
    moments[c] = mean;
    moments[channels + c] = inverse;
    moments[2u * channels + c] = scale;
    moments[3u * channels + c] = beta[c] - mean * scale;
}
