// Adds neighbouring slabs in order, where there are thousands of them: output[p][i] = sum over the slabs s of piece p of
// partial[s][i].
// Fixed order, so the same device always gives the same bits.
#import grid

struct Params {
    length: u32,
    slabs: u32,
    slabs_per_piece: u32,
    pieces: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 64u + lane;
    let piece = at / params.length;
    if piece >= params.pieces {
        return;
    }
    let own = at % params.length;
    let begin = piece * params.slabs_per_piece;
    let end = min(begin + params.slabs_per_piece, params.slabs);
    var sum = vec4<f32>(0.0);
    // Four at a time, so that their loads are on their way together.
    for (var slab = begin; slab < end; slab += 4u) {
        var values: array<vec4<f32>, 4>;
        #unroll i 4
            values[i] = partial[min(slab + i, end - 1u) * params.length + own];
        #end
        #unroll i 4
            sum += select(vec4<f32>(0.0), values[i], slab + i < end);
        #end
    }
    output[at] = sum;
}
