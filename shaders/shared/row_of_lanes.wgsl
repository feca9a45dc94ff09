// A row of ROW sums that each invocation of a workgroup has of its own: they lie in workgroup memory while those of a channel group are added.
// One row at a time: workgroup memory is what keeps workgroups waiting.
#import strip

var<workgroup> row_of_lanes: array<vec4<f32>, ROW * 64u>;

// The jth of all invocations of this one's channel group. Behind a barrier.
fn of_all_lanes(strip: Strip, lane: u32, j: u32) -> vec4<f32> {
    var all = vec4<f32>(0.0);
    for (var other = 0u; other < strip.lanes; other += 1u) {
        all += row_of_lanes[j * 64u + lane % strip.width + other * strip.width];
    }
    return all;
}
