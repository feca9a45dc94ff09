// Dense convolution in training: the output, as of dense/forward without bias and activation, and of each block of rows the mean
// and the sum of squared deviations of every channel, for the batch normalisation that follows (batch_norm/finalise merges them).
// input [n][h][w][inputs], weights [kernel][kernel][inputs][outputs], output [n][oh][ow][outputs],
// partial [n * oh / down][2][outputs]; units of 4 channels.
// A workgroup takes `down` rows of an image and `width` pairs of output groups, its invocations columns of these rows, 4 at a time.
#import storage
#import grid
#import dense_tile
#import pivoted
#import strip_moments

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read_write> output: array<Value>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pairs = (params.outputs + 1u) / 2u;
    let strips = (pairs + params.width - 1u) / params.width;
    var strip = strip_of(linear_group(group_id, grid), lane, pairs, params.width, strips, params.slabs);
    let first = strip.channel * 2u;
    // Beyond the edge the last group is computed once more, and not stored.
    let second = min(first + 1u, params.outputs - 1u);
    var of_first = nothing_yet();
    var of_second = nothing_yet();
    if strip.inside {
        let blocks = params.out_height / params.down;
        let n = strip.slab / blocks;
        let top = (strip.slab % blocks) * params.down;
        for (var y = top; y < top + params.down; y += 1u) {
            for (var x = strip.first * 4u; x < params.out_width; x += strip.lanes * 4u) {
                let sums = dense_tile(n, y, x, first, second);
                #unroll o 4
                    if x + o < params.out_width {
                        let at = ((n * params.out_height + y) * params.out_width + x + o) * params.outputs;
                        output[at + first] = to_value(sums[o]);
                        of_first = with_value(of_first, sums[o]);
                        if first + 1u < params.outputs {
                            output[at + second] = to_value(sums[o + 4u]);
                            of_second = with_value(of_second, sums[o + 4u]);
                        }
                    }
                #end
            }
        }
    }
    strip.channels = params.outputs;
    strip.channel = first;
    leave_moments(strip, lane, moments_of(of_first));
    // The same workgroup memory again.
    workgroupBarrier();
    strip.channel = first + 1u;
    strip.inside = strip.inside && first + 1u < params.outputs;
    leave_moments(strip, lane, moments_of(of_second));
}
