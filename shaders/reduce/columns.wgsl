// Sums over rows: output[c] = sum over r of input[r, c]; the gradient of a bias. Units of 4 channels.
#import grid
#import columns

@group(0) @binding(0) var<uniform> params: Columns;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channel = linear_group(group_id, grid) * params.width + lane % params.width;
    let lanes = 64u / params.width;
    let first = lane / params.width;
    var sum = vec4<f32>(0.0);
    if channel < params.channels && first < lanes {
        for (var row = first; row < params.rows; row += lanes) {
            sum += input[row * params.channels + channel];
        }
    }
    sums[lane] = sum;
    workgroupBarrier();
    if first == 0u && channel < params.channels {
        for (var other = 1u; other < lanes; other += 1u) {
            sum += sums[lane + other * params.width];
        }
        output[channel] = sum;
    }
}
