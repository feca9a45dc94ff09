// depthwise/forward for every kernel size and stride: one pipeline instead of four, of a shorter text, for where compiling takes
// longer than running. An invocation makes 4 columns of one channel group; every input that it takes serves one of them.
// input [n][h][w][channels], weights [kernel][kernel][channels], output [n][oh][ow][channels]; units of 4 channels.
#import storage
#import grid
#import activation
#import convolution

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
    let channels = params.outputs;
    let across = (params.out_width + 3u) / 4u;
    var rest = linear_group(group_id, grid) * 64u + lane;
    let channel = rest % channels;
    rest /= channels;
    let x = (rest % across) * 4u;
    rest /= across;
    let y = rest % params.out_height;
    let n = rest / params.out_height;
    if n >= params.batch {
        return;
    }
    var start = vec4<f32>(0.0);
    if HAS_BIAS {
        start = bias[channel];
    }
    var sums: array<vec4<f32>, 4>;
    #unroll o 4
        sums[o] = start;
    #end
    let last_column = i32(params.in_width) - 1;
    for (var i = 0u; i < params.kernel; i += 1u) {
        let row = i32(y * params.stride + i) - i32(params.pad_y);
        if row < 0 || row >= i32(params.in_height) {
            continue;
        }
        let line = (n * params.in_height + u32(row)) * params.in_width;
        for (var j = 0u; j < params.kernel; j += 1u) {
            let w = from_weight(weights[(i * params.kernel + j) * channels + channel]);
            let left = i32(x * params.stride + j) - i32(params.pad_x);
            #unroll o 4
                let column = left + i32(o * params.stride);
                let value = from_value(input[(line + u32(clamp(column, 0, last_column))) * channels + channel]);
                sums[o] += select(vec4<f32>(0.0), value, column >= 0 && column <= last_column) * w;
            #end
        }
    }
    // A copy that a loop may index leaves the sums themselves in registers.
    var ends = sums;
    for (var o = 0u; o < 4u; o += 1u) {
        if x + o < params.out_width {
            let at = ((n * params.out_height + y) * params.out_width + x + o) * channels + channel;
            output[at] = to_value(activate_by(params.activation, params.slope, ends[o]));
        }
    }
}
