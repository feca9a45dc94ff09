// Dense convolution in training: the output, as of dense/forward without bias and activation, and of each block of rows the mean
// and the sum of squared deviations of every channel, for the batch normalisation that follows (batch_norm/finalise merges them).
// input [n][h][w][inputs], weights [kernel][kernel][inputs][outputs], output [n][oh][ow][outputs],
// partial [n * oh / down][2][outputs]; units of 4 channels.
// A workgroup takes `down` rows of an image and `width` output groups, its invocations columns of these rows, 4 at a time.
#import storage
#import grid
#import dense_block
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
    let outputs = params.outputs;
    let strip = own_strip(linear_group(group_id, grid), lane);
    var own = nothing_yet();
    if strip.inside {
        let block = own_block(strip);
        for (var y = block.top; y < block.top + params.down; y += 1u) {
            for (var x = strip.first * 4u; x < params.out_width; x += strip.lanes * 4u) {
                let sums = dense_tile(block.n, y, x, strip.channel);
                let at = ((block.n * params.out_height + y) * params.out_width + x) * outputs + strip.channel;
                #unroll o 4
                    if x + o < params.out_width {
                        output[at + o * outputs] = to_value(sums[o]);
                        own = with_value(with_pivot(own, sums[o]), sums[o], true);
                    }
                #end
            }
        }
    }
    leave_moments(strip, lane, WORKGROUP / params.width, moments_of(own));
}
