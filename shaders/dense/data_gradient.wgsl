// Gradient of a dense convolution with respect to its input, as a gather over the taps that meet an output:
// input_gradient[n, y, x, c] = sum over i, j, o of
//   output_gradient[n, (y + pad_y - i) / S, (x + pad_x - j) / S, o] weights[i, j, c, o]. Units of 4 channels.
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
    let at = linear_group(group_id, grid) * 64u + lane;
    var rest = at;
    let c = rest % params.inputs;
    rest /= params.inputs;
    let x = rest % params.in_width;
    rest /= params.in_width;
    let y = rest % params.in_height;
    let n = rest / params.in_height;
    if n >= params.batch {
        return;
    }
    var sum = vec4<f32>(0.0);
    for (var i = (y + params.pad_y) % params.stride; i < params.kernel; i += params.stride) {
        if y + params.pad_y < i || (y + params.pad_y - i) / params.stride >= params.out_height {
            continue;
        }
        let row = (y + params.pad_y - i) / params.stride;
        for (var j = (x + params.pad_x) % params.stride; j < params.kernel; j += params.stride) {
            if x + params.pad_x < j || (x + params.pad_x - j) / params.stride >= params.out_width {
                continue;
            }
            let column = (x + params.pad_x - j) / params.stride;
            let pixel = ((n * params.out_height + row) * params.out_width + column) * params.outputs;
            let tap = (((i * params.kernel + j) * params.inputs + c) * 4u) * params.outputs;
            for (var o = 0u; o < params.outputs; o += 1u) {
                let gradient = output_gradient[pixel + o];
                sum += vec4<f32>(
                    dot(gradient, weights[tap + o]),
                    dot(gradient, weights[tap + params.outputs + o]),
                    dot(gradient, weights[tap + 2u * params.outputs + o]),
                    dot(gradient, weights[tap + 3u * params.outputs + o]),
                );
            }
        }
    }
    input_gradient[at] = sum;
}
