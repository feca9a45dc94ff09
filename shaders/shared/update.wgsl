// An optimiser over the flat parameter buffer, one launch for all of it. The text that imports this has the rest of the bindings and
// `update`, which makes the new ones of four parameters at `at`, whose learning-rate factor and decay are in `range`.
// parameters, gradients [length]; ranges: learning-rate factor and decay for each block of 64 parameters.
#import grid
#import step

struct Params {
    length: u32,
    // Settings of the optimiser, or nothing.
    first: f32,
    second: f32,
    third: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> step: Step;
@group(0) @binding(2) var<storage, read> ranges: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 256u + lane;
    if at < params.length {
        parameters[at] = update(at, ranges[at / 16u], parameters[at]);
    }
}
