// Adds the slabs of several tensors in one launch, each in a fixed order: of every part
// output[to + i] = sum over its slabs s of partial[begin + s apart + i]; units of 4 values.
// A workgroup takes `width` neighbouring sums of a part, with WORKGROUP / width invocations over the slabs of each: one for few
// slabs, many for many.
#import grid
#import parts
#import tree_sums

const MOST_PARTS: u32 = 8u;

struct Part {
    begin: u32,
    to: u32,
    length: u32,
    slabs: u32,
    // Its first workgroup.
    group: u32,
    width: u32,
    apart: u32,
    unused: u32,
}

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let part = part_of(group);
    let lanes = WORKGROUP / part.width;
    let first = lane / part.width;
    let own = (group - part.group) * part.width + lane % part.width;
    let inside = own < part.length && first < lanes;
    var sum = vec4<f32>(0.0);
    if inside {
        // Four at a time, so that their loads are on their way together.
        for (var slab = first; slab < part.slabs; slab += 4u * lanes) {
            var values: array<vec4<f32>, 4>;
            #unroll i 4
                values[i] = partial[part.begin + min(slab + i * lanes, part.slabs - 1u) * part.apart + own];
            #end
            #unroll i 4
                sum += select(vec4<f32>(0.0), values[i], slab + i * lanes < part.slabs);
            #end
        }
    }
    sum = tree_sum(lane, first, lanes, part.width, sum);
    if inside && first == 0u {
        output[part.to + own] = sum;
    }
}
