// Dense convolution, used for the 3x3 stem: output[n, y, x, o] =
//   activate(bias[o] + sum over i, j, c of input[n, y S + i - pad_y, x S + j - pad_x, c] weights[i, j, c, o]).
// input [n][h][w][inputs], weights [kernel][kernel][inputs][outputs], output [n][oh][ow][outputs]; units of 4 channels.
// An invocation makes 4 columns of one output group.
#import storage
#import grid
#import activation
#import dense_tile

override HAS_BIAS: bool = false;

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<Value>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = (params.out_width + 3u) / 4u;
    var rest = linear_group(group_id, grid) * 64u + lane;
    let channel = rest % params.outputs;
    rest /= params.outputs;
    let x = (rest % across) * 4u;
    rest /= across;
    let y = rest % params.out_height;
    let n = rest / params.out_height;
    if n >= params.batch {
        return;
    }
    let sums = dense_tile(n, y, x, channel);
    var start = vec4<f32>(0.0);
    if HAS_BIAS {
        start = bias[channel];
    }
    // A copy that a loop may index leaves the sums themselves in registers.
    var ends = sums;
    for (var o = 0u; o < 4u; o += 1u) {
        if x + o < params.out_width {
            let at = ((n * params.out_height + y) * params.out_width + x + o) * params.outputs + channel;
            output[at] = to_value(activate(ends[o] + start));
        }
    }
}
