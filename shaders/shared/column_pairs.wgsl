// The two channel sums of batch normalisation's backward pass over the rows of a slab, see strip_pairs.
// The kernel declares raw [rows][channels], moments [4][channels] and partial [slabs][2][channels], and defines
// `gradient_at(row, channel, x, slope)`: the gradient behind the normalisation there, slope being the activation's at the
// normalised x.
#import strip_pairs

fn sum_gradients(group: u32, lane: u32, columns: Columns) {
    let strip = strip_of(group, lane, columns.channels, columns.width, columns.strips, columns.slabs);
    let begin = strip.slab * columns.rows_per_slab;
    let end = min(begin + columns.rows_per_slab, columns.rows);
    var sum = vec4<f32>(0.0);
    var product = vec4<f32>(0.0);
    if strip.inside {
        let channel = strip.channel;
        let mean = moments[channel];
        let scale = moments[2u * columns.channels + channel];
        let shift = moments[3u * columns.channels + channel];
        for (var row = begin + strip.first; row < end; row += strip.lanes) {
            let x = from_value(raw[row * columns.channels + channel]);
            let g = gradient_at(row, channel, x, activation_slope(x * scale + shift));
            sum += g;
            product += g * (x - mean);
        }
        product *= moments[columns.channels + channel];
    }
    leave_pairs(strip, lane, WORKGROUP / columns.width, Pair(sum, product));
}
