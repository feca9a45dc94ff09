// gate_gradient[n, c] = sum over h, w of output_gradient[n, h, w, c] * input[n, h, w, c].
// input, output_gradient [n][rows][channels]; `slabs` counts images here; units of 4 channels.
#import grid
#import columns

@group(0) @binding(0) var<uniform> params: Columns;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> gate_gradient: array<vec4<f32>>;

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let image = group / params.strips;
    let channel = (group % params.strips) * params.width + lane % params.width;
    let lanes = 64u / params.width;
    let first = lane / params.width;
    var sum = vec4<f32>(0.0);
    if channel < params.channels && first < lanes && image < params.slabs {
        for (var row = first; row < params.rows; row += lanes) {
            let at = (image * params.rows + row) * params.channels + channel;
            sum += input[at] * output_gradient[at];
        }
    }
    sums[lane] = sum;
    workgroupBarrier();
    if first == 0u && channel < params.channels && image < params.slabs {
        for (var other = 1u; other < lanes; other += 1u) {
            sum += sums[lane + other * params.width];
        }
        gate_gradient[image * params.channels + channel] = sum;
    }
}
