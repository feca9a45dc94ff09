// The two channel sums of batch normalisation's backward pass, over the rows of a slab: of the gradient g that arrives
// behind the normalisation, and of g x', x' = (x - mean) / sqrt(variance + epsilon).
// The kernel declares raw [rows][channels], moments [4][channels] and partial [slabs][2][channels], and defines
// `gradient_at(row, channel, x, slope)`: g there, slope being the activation's at the normalised x.
var<workgroup> plain: array<vec4<f32>, 64>;
var<workgroup> weighted: array<vec4<f32>, 64>;

fn sum_gradients(group: u32, lane: u32, columns: Columns) {
    let slab = group / columns.strips;
    let channel = (group % columns.strips) * columns.width + lane % columns.width;
    let lanes = 64u / columns.width;
    let first = lane / columns.width;
    let inside = channel < columns.channels && slab < columns.slabs;
    let begin = slab * columns.rows_per_slab;
    let end = min(begin + columns.rows_per_slab, columns.rows);
    var sum = vec4<f32>(0.0);
    var product = vec4<f32>(0.0);
    if inside && first < lanes {
        let mean = moments[channel];
        let inverse = moments[columns.channels + channel];
        let scale = moments[2u * columns.channels + channel];
        let shift = moments[3u * columns.channels + channel];
        for (var row = begin + first; row < end; row += lanes) {
            let x = raw[row * columns.channels + channel];
            let g = gradient_at(row, channel, x, activation_slope(x * scale + shift));
            sum += g;
            product += g * ((x - mean) * inverse);
        }
    }
    plain[lane] = sum;
    weighted[lane] = product;
    workgroupBarrier();
    if inside && first == 0u {
        for (var other = 1u; other < lanes; other += 1u) {
            sum += plain[lane + other * columns.width];
            product += weighted[lane + other * columns.width];
        }
        partial[(slab * 2u) * columns.channels + channel] = sum;
        partial[(slab * 2u + 1u) * columns.channels + channel] = product;
    }
}
