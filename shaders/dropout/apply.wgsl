// Dropout in training, forward and backward alike: output = input * kept * scale.
// An element is kept when its 24-bit random number, keyed by (seed, epoch, sample, element), is at or above
// threshold = rate * 2^24. scale is 1 / (1 - rate) (PyTorch, upscale_in_train) or 1 (Paddle's
// downscale_in_infer, which multiplies by 1 - rate at inference instead).
// input, output [n][channels], samples [n]: data set index of each row; units of 4 channels.
#import grid
#import random
#import step

struct Params {
    length: u32,
    channels: u32,
    seed: u32,
    threshold: u32,
    scale: f32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> step: Step;
@group(0) @binding(2) var<storage, read> samples: array<u32>;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 64u + lane;
    if at >= params.length {
        return;
    }
    let key = vec4<u32>(params.seed, step.epoch, samples[at / params.channels], at % params.channels);
    let kept = (random4(key) >> vec4<u32>(8u)) >= vec4<u32>(params.threshold);
    output[at] = select(vec4<f32>(0.0), input[at] * params.scale, kept);
}
