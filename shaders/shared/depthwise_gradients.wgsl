// Both gradients of a depthwise convolution in one pass: the data gradient taken back through the unit before, see
// depthwise_behind, and of each block of rows the weight gradient. Both want the same gradients around a position, and the
// input there is what the unit before made of its raw output, so that each is read once.
// The kernel adds to `taps` what a block gives them. `partial` has them, [n * blocks][kernel][kernel][channels], from the next
// multiple of 16 behind the sums; reduce/slabs adds the blocks.
#import depthwise_behind

const TAPS: u32 = KERNEL * KERNEL;

var<private> taps: array<vec4<f32>, TAPS>;
var<workgroup> row_of_lanes: array<vec4<f32>, KERNEL * 64u>;

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
    gather_strip(strip, lane);
    leave_pairs(strip, lane, WORKGROUP / params.width, Pair(sum, weighted_sum()));
    let first_tap = (params.slabs * 2u * channels + 15u) / 16u * 16u + strip.slab * TAPS * channels;
    // One filter row at a time: workgroup memory is what keeps workgroups waiting.
    #unroll i KERNEL
        #unroll j KERNEL
            row_of_lanes[j * 64u + lane] = taps[i * KERNEL + j];
        #end
        workgroupBarrier();
        if strip.inside {
            for (var j = strip.first; j < KERNEL; j += strip.lanes) {
                var all = vec4<f32>(0.0);
                for (var other = 0u; other < strip.lanes; other += 1u) {
                    all += row_of_lanes[j * 64u + lane % strip.width + other * strip.width];
                }
                partial[first_tap + (i * KERNEL + j) * channels + strip.channel] = all;
            }
        }
        workgroupBarrier();
    #end
}
