// Dense convolution, used for the 3x3 stem: output[n, y, x, o] =
//   activate(bias[o] + sum over i, j, c of input[n, y S + i - pad_y, x S + j - pad_x, c] weights[i, j, c, o]).
// input [n][h][w][inputs], weights [kernel][kernel][inputs][outputs], output [n][oh][ow][outputs]; units of 4 channels.
#import grid
#import activation
#import convolution

override HAS_BIAS: bool = false;

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 64u + lane;
    var rest = at;
    let o = rest % params.outputs;
    rest /= params.outputs;
    let x = rest % params.out_width;
    rest /= params.out_width;
    let y = rest % params.out_height;
    let n = rest / params.out_height;
    if n >= params.batch {
        return;
    }
    var sum = vec4<f32>(0.0);
    if HAS_BIAS {
        sum = bias[o];
    }
    for (var i = 0u; i < params.kernel; i += 1u) {
        let row = i32(y * params.stride + i) - i32(params.pad_y);
        if row < 0 || row >= i32(params.in_height) {
            continue;
        }
        for (var j = 0u; j < params.kernel; j += 1u) {
            let column = i32(x * params.stride + j) - i32(params.pad_x);
            if column < 0 || column >= i32(params.in_width) {
                continue;
            }
            let pixel = ((n * params.in_height + u32(row)) * params.in_width + u32(column)) * params.inputs;
            for (var c = 0u; c < params.inputs; c += 1u) {
                let value = input[pixel + c];
                let w = (((i * params.kernel + j) * params.inputs + c) * 4u) * params.outputs + o;
                sum += value.x * weights[w]
                    + value.y * weights[w + params.outputs]
                    + value.z * weights[w + 2u * params.outputs]
                    + value.w * weights[w + 3u * params.outputs];
            }
        }
    }
    output[at] = activate(sum);
}
