// The two sums of batch normalisation's backward pass, see tree.
#import tree

struct Pair {
    sum: vec4<f32>,
    product: vec4<f32>,
}

var<workgroup> plain: array<vec4<f32>, WORKGROUP>;
var<workgroup> weighted: array<vec4<f32>, WORKGROUP>;

fn tree_pair(lane: u32, first: u32, lanes: u32, width: u32, own: Pair) -> Pair {
    var pair = own;
    plain[lane] = pair.sum;
    weighted[lane] = pair.product;
    for (var apart = first_apart(lanes); apart > 0u; apart /= 2u) {
        workgroupBarrier();
        if first < apart && first + apart < lanes {
            pair.sum += plain[lane + apart * width];
            pair.product += weighted[lane + apart * width];
            plain[lane] = pair.sum;
            weighted[lane] = pair.product;
        }
    }
    return pair;
}
