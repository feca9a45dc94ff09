// What the kernels share that make a depthwise convolution's data gradient and take it back through the unit before, see
// gradient_behind, by blocks of rows, see walk. The kernel defines `gather_block(strip, group)`, which all invocations of workgroup `group` call, and which
// hands every gradient of their parts to `leave`.
// output_gradient and output [n][oh][ow][channels], see gradient_operand, weights [kernel][kernel][channels], raw and
// input_gradient [n][h][w][channels], moments [4][channels]; partial begins with [n * blocks][2][channels]; units of 4 channels.
#import storage
#import grid
#import activation
#import walk
#import strip_pairs
#import gradient_behind
#import gradient_operand
#import depthwise_filters

@group(0) @binding(0) var<uniform> params: Walk;

var<private> through: Through;

fn gather_strip(strip: Strip, group: u32, lane: u32) {
    share_filters(strip, lane);
    let channel = min(strip.channel, params.channels - 1u);
    load_moments(channel, params.channels);
    through = through_of(channel, params.channels);
    gather_block(strip, group);
}
