// Gradient of a depthwise convolution of stride 2 with respect to its input, see depthwise_gather, taken back through the
// unit before, see gradient_behind.
// output_gradient [n][oh][ow][channels], weights [kernel][kernel][channels], residual, raw and input_gradient
// [n][h][w][channels], moments [4][channels], partial [n * blocks][2][channels]; units of 4 channels.
#import grid
#import activation
#import walk
#import strip_pairs
#import gradient_behind
#import depthwise_gather

@group(0) @binding(0) var<uniform> params: Walk;
@group(0) @binding(1) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> raw: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> input_gradient: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec4<f32>>;

// All rows of the block, in pairs that begin where y + pad_y is even; the rows of a pair that are not the block's are left out.
fn gather_block(strip: Strip) {
    let odd_x = params.pad_x % 2u;
    let odd_y = params.pad_y % 2u;
    let n = strip.slab / params.blocks;
    let top = (strip.slab % params.blocks) * params.down;
    let bottom = top + params.down;
    let across = (params.in_width + odd_x + 3u) / 4u;
    for (var block_y = (top + odd_y) / 2u; block_y * 2u < bottom + odd_y; block_y += 1u) {
        for (var block_x = strip.first; block_x < across; block_x += strip.lanes) {
            let sums = gather(n, block_y, block_x, strip.channel, params.channels);
            #unroll dy 2
                #unroll dx 4
                    let y = block_y * 2u + dy - odd_y;
                    let x = block_x * 4u + dx - odd_x;
                    // A row or column before the first has wrapped around to a huge number.
                    if y >= top && y < bottom && x < params.in_width {
                        let at = (n * params.in_height + y) * params.in_width + x;
                        leave(at * params.channels + strip.channel, strip.channel, sums[dy * 4u + dx]);
                    }
                #end
            #end
        }
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let strip = strip_of(group, lane, params.channels, params.width, params.strips, params.slabs);
    if strip.inside {
        load_moments(strip.channel, params.channels);
        gather_block(strip);
    }
    leave_pairs(strip, lane, sum, product);
}
