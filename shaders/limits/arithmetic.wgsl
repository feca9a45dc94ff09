// Multiplies and adds in registers: what a device's arithmetic can do at best. Every invocation takes 8 independent
// chains x = x * factor + 1 of 4 values through `rounds` steps; output[i] is their sum, chain k begun at i % 16 + k.
// factor [1], output [length], units of 4 values.
#import grid

struct Params {
    length: u32,
    rounds: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> factor: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;

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
    let by = factor[0];
    var chains: array<vec4<f32>, 8>;
    #unroll k 8
        chains[k] = vec4<f32>(f32(at % 16u + k));
    #end
    for (var round = 0u; round < params.rounds; round += 1u) {
        #unroll k 8
            chains[k] = chains[k] * by + 1.0;
        #end
    }
    var sum = vec4<f32>(0.0);
    #unroll k 8
        sum += chains[k];
    #end
    output[at] = sum;
}
