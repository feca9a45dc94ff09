// Both gradients of a depthwise convolution in one pass: the data gradient taken back through the unit before, see
// depthwise_behind, and of each block of rows the weight gradient. Both want the same gradients around a position, and the
// input there is what the unit before made of its raw output, so that each is read once.
// The kernel adds to `taps` what a block gives them. `partial` has them, [n * blocks][kernel][kernel][channels], from the next
// multiple of 16 behind the sums; reduce/slabs adds the blocks.
#import depthwise_behind
#import row_of_lanes

const TAPS: u32 = KERNEL * KERNEL;
const ROW: u32 = KERNEL;

var<private> taps: array<vec4<f32>, TAPS>;

// The convolution's input where the unit before has `raw`.
fn input_of(raw: vec4<f32>) -> vec4<f32> {
    return activate(raw * scale + shift);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let channels = params.channels;
    let strip = strip_of(group, lane, channels, params.width, params.strips, params.slabs);
    gather_strip(strip, group, lane);
    leave_pairs(strip, lane, WORKGROUP / params.width, Pair(sum, weighted_sum()));
    let first_tap = (params.slabs * 2u * channels + 15u) / 16u * 16u + strip.slab * TAPS * channels;
    #unroll i KERNEL
        #unroll j KERNEL
            row_of_lanes[j * 64u + lane] = taps[i * KERNEL + j];
        #end
        workgroupBarrier();
        if strip.inside {
            for (var j = strip.first; j < KERNEL; j += strip.lanes) {
                partial[first_tap + (i * KERNEL + j) * channels + strip.channel] = of_all_lanes(strip, lane, j);
            }
        }
        workgroupBarrier();
    #end
}
