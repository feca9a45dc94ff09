// pool/forward with one invocation for each channel group of an image, for devices with few processors: no workgroup memory, which
// browsers fill with zeros before a kernel begins, and for which a software GPU's compiler takes most of its time.
// input [n][rows][channels], output [n][channels]; `slabs` counts images here; units of 4 channels.
#import storage
#import grid
#import activation
#import operand
#import columns

@group(0) @binding(0) var<uniform> params: Columns;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;

const PIECE = 64u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 64u + lane;
    if at >= params.slabs * params.channels {
        return;
    }
    let channel = at % params.channels;
    let affine = affine_of(channel, params.channels);
    let first = (at / params.channels) * params.rows * params.channels + channel;
    // In pieces: a sum of thousands of rows one after the other would lose digits.
    var sum = vec4<f32>(0.0);
    for (var begin = 0u; begin < params.rows; begin += PIECE) {
        var piece = vec4<f32>(0.0);
        for (var row = begin; row < min(begin + PIECE, params.rows); row += 1u) {
            piece += operand_of(from_value(input[first + row * params.channels]), affine);
        }
        sum += piece;
    }
    output[at] = sum / f32(params.rows);
}
