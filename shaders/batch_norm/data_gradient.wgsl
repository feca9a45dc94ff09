// Gradient of activate(batch normalisation) with respect to the normalisation's input:
// input_gradient = g * scale + input * slope + offset, g = output_gradient * activate'(x * scale + shift).
// An invocation takes 8 rows of one channel group, AT_ONCE at a time, as in batch_norm/apply.
// input, output_gradient, input_gradient [rows][channels]; moments [4][channels]; coefficients [3][channels] as of
// batch_norm/finalise_gradient: scale, slope, offset; units of 4 channels.
#import storage
#import grid
#import activation

struct Params {
    rows: u32,
    channels: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> input_gradient: array<Gradient>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.channels;
    let thread = linear_group(group_id, grid) * 256u + lane;
    let c = thread % channels;
    let first = (thread / channels) * 8u;
    if first >= params.rows {
        return;
    }
    let scale = moments[2u * channels + c];
    let shift = moments[3u * channels + c];
    let slope = coefficients[channels + c];
    let offset = coefficients[2u * channels + c];
    for (var row = first; row < min(first + 8u, params.rows); row += AT_ONCE) {
        var inputs: array<Value, AT_ONCE>;
        var gradients: array<Gradient, AT_ONCE>;
        #unroll r AT_ONCE
            let known = min(row + r, params.rows - 1u) * channels + c;
            inputs[r] = input[known];
            gradients[r] = output_gradient[known];
        #end
        #unroll r AT_ONCE
            let x = from_value(inputs[r]);
            let g = from_gradient(gradients[r]) * activation_slope(x * scale + shift);
            if r == 0u || row + r < params.rows {
                input_gradient[(row + r) * channels + c] = to_gradient(g * scale + x * slope + offset);
            }
        #end
    }
}
