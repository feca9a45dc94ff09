// output = activate(input * scale + shift) + residual.
// An invocation takes 8 rows of one channel group, AT_ONCE at a time: a GPU waits for memory, a software device does not.
// input, residual, output [rows][channels]; moments [4][channels] from batch_norm/finalise; units of 4 channels.
#import storage
#import grid
#import activation

struct Params {
    rows: u32,
    channels: u32,
    unused_0: u32,
    unused_1: u32,
}

override HAS_RESIDUAL: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual: array<Value>;
@group(0) @binding(4) var<storage, read_write> output: array<Value>;

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
    for (var row = first; row < min(first + 8u, params.rows); row += AT_ONCE) {
        var inputs: array<Value, AT_ONCE>;
        var residuals: array<Value, AT_ONCE>;
        #unroll r AT_ONCE
            let known = min(row + r, params.rows - 1u) * channels + c;
            inputs[r] = input[known];
            if HAS_RESIDUAL {
                residuals[r] = residual[known];
            }
        #end
        #unroll r AT_ONCE
            var y = activate(from_value(inputs[r]) * scale + shift);
            if HAS_RESIDUAL {
                y += from_value(residuals[r]);
            }
            if r == 0u || row + r < params.rows {
                output[(row + r) * channels + c] = to_value(y);
            }
        #end
    }
}
