// What the kernels share that make a depthwise convolution's data gradient and take it back through the unit before, see
// gradient_behind, by blocks of rows, see walk. The kernel defines `gather_block(strip)`, which hands every gradient of the block
// to `leave`.
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

fn gather_strip(strip: Strip, lane: u32) {
    share_filters(strip, lane);
    if has_part(strip) {
        load_moments(strip.channel, params.channels);
        through = through_of(strip.channel, params.channels);
        gather_block(strip);
    }
}
