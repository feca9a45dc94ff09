// Gradient of a strided depthwise convolution with respect to its input, as a gather:
// input_gradient[n, y, x, c] = sum over the taps (i, j) for which (y + pad_y - i) and (x + pad_x - j)
// are multiples of the stride, of output_gradient[n, (y + pad_y - i) / S, (x + pad_x - j) / S, c] weights[i, j, c].
// Units of 4 channels. At stride 1 depthwise/forward with FLIPPED does the same with fewer loads.
#import grid
#import convolution

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> input_gradient: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.outputs;
    let at = linear_group(group_id, grid) * 64u + lane;
    var rest = at;
    let channel = rest % channels;
    rest /= channels;
    let x = rest % params.in_width;
    rest /= params.in_width;
    let y = rest % params.in_height;
    let n = rest / params.in_height;
    if n >= params.batch {
        return;
    }
    var sum = vec4<f32>(0.0);
    // Only every stride-th tap meets an output; the first that does is fixed by the remainder.
    for (var i = (y + params.pad_y) % params.stride; i < KERNEL; i += params.stride) {
        let row = (i32(y + params.pad_y) - i32(i)) / i32(params.stride);
        if y + params.pad_y < i || row >= i32(params.out_height) {
            continue;
        }
        let line = (n * params.out_height + u32(row)) * params.out_width;
        for (var j = (x + params.pad_x) % params.stride; j < KERNEL; j += params.stride) {
            let column = (i32(x + params.pad_x) - i32(j)) / i32(params.stride);
            if x + params.pad_x < j || column >= i32(params.out_width) {
                continue;
            }
            sum += output_gradient[(line + u32(column)) * channels + channel]
                * weights[(i * KERNEL + j) * channels + channel];
        }
    }
    input_gradient[at] = sum;
}
