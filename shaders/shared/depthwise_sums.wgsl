// A depthwise convolution's data gradient taken back through the unit before, see depthwise_behind.
#import depthwise_behind

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let strip = strip_of(group, lane, params.channels, params.width, params.strips, params.slabs);
    gather_strip(strip, group, lane);
    leave_pairs(strip, lane, WORKGROUP / params.width, Pair(sum, weighted_sum()));
}
