// Merges the statistics of neighbouring slabs into those of fewer, larger ones, where there are thousands of them:
// one workgroup of batch_norm/finalise would take long.
// partial [slabs][2][channels] as in batch_norm/statistics, merged [pieces][2][channels]; units of 4 channels.
#import grid
#import moments

struct Params {
    channels: u32,
    slabs: u32,
    slabs_per_piece: u32,
    pieces: u32,
    // Of all slabs, and of each but perhaps the last.
    rows: u32,
    rows_per_slab: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> merged: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.channels;
    let thread = linear_group(group_id, grid) * 64u + lane;
    let c = thread % channels;
    let piece = thread / channels;
    if piece >= params.pieces {
        return;
    }
    let begin = piece * params.slabs_per_piece;
    let end = min(begin + params.slabs_per_piece, params.slabs);
    var all = Moments(vec4<f32>(0.0), vec4<f32>(0.0), 0u);
    // Four at a time, so that their loads are on their way together; beyond the last are slabs of no rows.
    for (var slab = begin; slab < end; slab += 4u) {
        var loaded: array<Moments, 4>;
        #unroll i 4
            let at = min(slab + i, end - 1u) * 2u * channels + c;
            let first_row = (slab + i) * params.rows_per_slab;
            let rows = select(0u, min(params.rows_per_slab, params.rows - min(first_row, params.rows)), slab + i < end);
            loaded[i] = Moments(partial[at], partial[at + channels], rows);
        #end
        #unroll i 4
            all = merge(all, loaded[i]);
        #end
    }
    let at = piece * 2u * channels + c;
    merged[at] = all.mean;
    merged[at + channels] = all.deviations;
}
