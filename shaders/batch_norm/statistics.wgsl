// Mean and sum of squared deviations of each channel over the rows of a slab.
// input [rows][channels], partial [slabs][2][channels]: mean, then M2; units of 4 channels.
// Along the rows differences from the first value, see pivoted; between invocations Chan's merge.
#import storage
#import grid
#import columns
#import pivoted
#import strip_moments

@group(0) @binding(0) var<uniform> params: Columns;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let strip = strip_of(group, lane, params.channels, params.width, params.strips, params.slabs);
    let begin = strip.slab * params.rows_per_slab;
    let end = min(begin + params.rows_per_slab, params.rows);
    var own = nothing_yet();
    if strip.inside {
        for (var row = begin + strip.first; row < end; row += strip.lanes) {
            let value = from_value(input[row * params.channels + strip.channel]);
            own = with_value(with_pivot(own, value), value, true);
        }
    }
    leave_moments(strip, lane, WORKGROUP / params.width, moments_of(own));
}
