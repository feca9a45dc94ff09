// Gradient of a depthwise convolution of stride 2 with respect to its input, as a gather:
// input_gradient[n, y, x, c] = sum over the taps (i, j) for which y + pad_y - i and x + pad_x - j are even,
// of output_gradient[n, (y + pad_y - i) / 2, (x + pad_x - j) / 2, c] weights[i, j, c]. Units of 4 channels.
// An invocation makes 2 rows of WIDE columns that begin where y + pad_y and x + pad_x are even: the taps that meet an
// input are then known when the shader is compiled, even ones for even rows and odd ones for odd rows, and all meet
// one small window of gradients. At stride 1 depthwise/forward with FLIPPED does the same.
#import storage
#import grid
#import convolution
#import depthwise_gather
#import taps

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> input_gradient: array<Gradient>;

alias Kept = vec4<f32>;

fn gradient_of_kept(kept: Kept) -> vec4<f32> {
    return kept;
}

fn kept_at(at: u32) -> Kept {
    return from_gradient(output_gradient[at]);
}

fn loaded_tap(tap: u32, channel: u32) -> vec4<f32> {
    return weights[tap * params.outputs + channel];
}

fn filter_at(tap: u32) -> vec4<f32> {
    return taps[tap];
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.outputs;
    let odd_x = params.pad_x % 2u;
    let odd_y = params.pad_y % 2u;
    let across = (params.in_width + odd_x + WIDE - 1u) / WIDE;
    let down = (params.in_height + odd_y + 1u) / 2u;
    var rest = linear_group(group_id, grid) * 64u + lane;
    let channel = rest % channels;
    rest /= channels;
    let block_x = rest % across;
    rest /= across;
    let block_y = rest % down;
    let n = rest / down;
    if n >= params.batch {
        return;
    }
    load_filter(channel);
    var sums = gather(window_of(around(n, block_y, block_x, channel, channels)));
    let first_y = block_y * 2u - odd_y;
    let first_x = block_x * WIDE - odd_x;
    for (var dy = 0u; dy < turns(2u); dy += 1u) {
        let y = first_y + dy;
        for (var dx = 0u; dx < turns(WIDE); dx += 1u) {
            let x = first_x + dx;
            // A row or column before the first has wrapped around to a huge number.
            if y < params.in_height && x < params.in_width {
                input_gradient[((n * params.in_height + y) * params.in_width + x) * channels + channel] =
                    to_gradient(sums[dy * WIDE + dx]);
            }
        }
    }
}
