// output = left + right, element by element: a skip connection, and the joining of two gradients.
#import storage
#import grid

struct Params {
    length: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<Gradient>;
@group(0) @binding(2) var<storage, read> right: array<Gradient>;
@group(0) @binding(3) var<storage, read_write> output: array<Gradient>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear_group(group_id, grid) * 64u + lane;
    if at < params.length {
        output[at] = to_gradient(from_gradient(left[at]) + from_gradient(right[at]));
    }
}
