// Leaves the two sums of a slab for batch normalisation's backward pass: of the gradient g that arrives behind the
// normalisation, and of g x', x' = (x - mean) / sqrt(variance + epsilon).
// The kernel declares `partial` [slabs][2][channels]. Every invocation of the workgroup must call it, with the number of invocations
// to a channel group from a uniform.
#import strip
#import tree

var<workgroup> plain: array<vec4<f32>, WORKGROUP>;
var<workgroup> weighted: array<vec4<f32>, WORKGROUP>;

fn leave_pairs(strip: Strip, lane: u32, lanes: u32, own_sum: vec4<f32>, own_product: vec4<f32>) {
    plain[lane] = own_sum;
    weighted[lane] = own_product;
    var sum = own_sum;
    var product = own_product;
    for (var apart = first_apart(lanes); apart > 0u; apart /= 2u) {
        workgroupBarrier();
        if strip.first < apart && strip.first + apart < lanes {
            sum += plain[lane + apart * strip.width];
            product += weighted[lane + apart * strip.width];
            plain[lane] = sum;
            weighted[lane] = product;
        }
    }
    if strip.inside && strip.first == 0u {
        let at = strip.slab * 2u * strip.channels + strip.channel;
        partial[at] = sum;
        partial[at + strip.channels] = product;
    }
}
