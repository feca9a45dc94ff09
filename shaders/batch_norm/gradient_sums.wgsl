// The two channel sums of batch normalisation's backward pass, over the rows of a slab:
// with g = output_gradient * activate'(x * scale + shift) and x' = (x - mean) / sqrt(variance + epsilon),
// partial[s] = (sum of g, sum of g x'). reduce/sum adds the slabs: the gradients of beta and gamma.
// input, output_gradient [rows][channels]; partial [slabs][2][channels]; units of 4 channels.
#import grid
#import activation
#import columns

@group(0) @binding(0) var<uniform> params: Columns;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4<f32>>;

var<workgroup> plain: array<vec4<f32>, 64>;
var<workgroup> weighted: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let slab = group / params.strips;
    let channel = (group % params.strips) * params.width + lane % params.width;
    let lanes = 64u / params.width;
    let first = lane / params.width;
    let begin = slab * params.rows_per_slab;
    let end = min(begin + params.rows_per_slab, params.rows);
    var sum = vec4<f32>(0.0);
    var product = vec4<f32>(0.0);
    if channel < params.channels && first < lanes && slab < params.slabs {
        let mean = moments[channel];
        let inverse = moments[params.channels + channel];
        let scale = moments[2u * params.channels + channel];
        let shift = moments[3u * params.channels + channel];
        for (var row = begin + first; row < end; row += lanes) {
            let at = row * params.channels + channel;
            let x = input[at];
            let g = output_gradient[at] * activation_slope(x * scale + shift);
            sum += g;
            product += g * ((x - mean) * inverse);
        }
    }
    plain[lane] = sum;
    weighted[lane] = product;
    workgroupBarrier();
    if first == 0u && channel < params.channels && slab < params.slabs {
        for (var other = 1u; other < lanes; other += 1u) {
            sum += plain[lane + other * params.width];
            product += weighted[lane + other * params.width];
        }
        partial[(slab * 2u) * params.channels + channel] = sum;
        partial[(slab * 2u + 1u) * params.channels + channel] = product;
    }
}
