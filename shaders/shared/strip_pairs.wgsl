// Leaves the two sums of a slab for batch normalisation's backward pass: of the gradient g that arrives behind the
// normalisation, and of g x', x' = (x - mean) / sqrt(variance + epsilon).
// The kernel declares `partial` [slabs][2][channels]. Every invocation of the workgroup must call it.
#import strip

var<workgroup> plain: array<vec4<f32>, WORKGROUP>;
var<workgroup> weighted: array<vec4<f32>, WORKGROUP>;

fn leave_pairs(strip: Strip, lane: u32, own_sum: vec4<f32>, own_product: vec4<f32>) {
    plain[lane] = own_sum;
    weighted[lane] = own_product;
    workgroupBarrier();
    if strip.inside && strip.first == 0u {
        var sum = own_sum;
        var product = own_product;
        for (var other = 1u; other < strip.lanes; other += 1u) {
            sum += plain[lane + other * strip.width];
            product += weighted[lane + other * strip.width];
        }
        let at = strip.slab * 2u * strip.channels + strip.channel;
        partial[at] = sum;
        partial[at + strip.channels] = product;
    }
}
