// The stem in training, as of dense/forward_statistics: a 3x3 convolution of stride 2 over three channels, see stem, and of each block
// of rows the mean and the sum of squared deviations of every channel.
// input [n][h][w], weights [3][3][4][outputs], of which the fourth is not read, output [n][oh][ow][outputs],
// partial [n * oh / down][2][outputs]; units of 4 channels.
// A workgroup takes `down` rows of an image and `width` output groups, its invocations columns of these rows, 4 at a time.
#import storage
#import grid
#import stem
#import pivoted
#import strip_moments

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read_write> output: array<Value>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4<f32>>;

// As many as the strip is wide, or some more.
override FILTERS: u32 = 8u;

// [3][3][3][FILTERS]
var<workgroup> filters: array<vec4<f32>, 27u * FILTERS>;

fn share_filters(strip: Strip) {
    if strip.inside {
        for (var line = strip.first; line < 27u; line += strip.lanes) {
            let place = (line / 3u * 4u + line % 3u) * strip.channels + strip.channel;
            filters[line * FILTERS + strip.channel % strip.width] = from_weight(weights[place]);
        }
    }
    workgroupBarrier();
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let outputs = params.outputs;
    let strip = own_strip(linear_group(group_id, grid), lane);
    share_filters(strip);
    var own = nothing_yet();
    if strip.inside {
        let filter_group = lane % params.width;
        let block = own_block(strip);
        for (var x = strip.first * 4u; x < params.out_width; x += strip.lanes * 4u) {
            let columns = beside(x);
            for (var y = block.top; y < block.top + params.down; y += 1u) {
                var sums: array<vec4<f32>, 4>;
                #unroll o 4
                    sums[o] = vec4<f32>(0.0);
                #end
                #unroll i KERNEL
                    let values = line_of(block.n, y, i, columns);
                    #unroll j KERNEL
                        const tap = (i * KERNEL + j) * 3u;
                        let w0 = filters[tap * FILTERS + filter_group];
                        let w1 = filters[(tap + 1u) * FILTERS + filter_group];
                        let w2 = filters[(tap + 2u) * FILTERS + filter_group];
                        #unroll o 4
                            const c = o * STRIDE + j;
                            sums[o] += values[c].x * w0 + values[c].y * w1 + values[c].z * w2;
                        #end
                    #end
                #end
                let at = ((block.n * params.out_height + y) * params.out_width + x) * outputs + strip.channel;
                own = with_pivot(own, sums[0]);
                #unroll o 4
                    let inside = x + o < params.out_width;
                    let stored = to_value(sums[o]);
                    if inside {
                        output[at + o * outputs] = stored;
                    }
                    own = with_value(own, sums[o], inside);
                #end
            }
        }
    }
    leave_moments(strip, lane, WORKGROUP / params.width, moments_of(own));
}
