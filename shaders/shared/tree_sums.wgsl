// Sums, see tree.
#import tree

var<workgroup> sums: array<vec4<f32>, WORKGROUP>;

fn tree_sum(lane: u32, first: u32, lanes: u32, width: u32, own: vec4<f32>) -> vec4<f32> {
    var sum = own;
    sums[lane] = sum;
    for (var apart = first_apart(lanes); apart > 0u; apart /= 2u) {
        workgroupBarrier();
        if first < apart && first + apart < lanes {
            sum += sums[lane + apart * width];
            sums[lane] = sum;
        }
    }
    return sum;
}
