// The two channel sums of batch normalisation's backward pass over the rows of a slab, see strip_pairs.
// The kernel declares raw [rows][channels], moments [4][channels] and partial [slabs][2][channels], and defines
// `arriving_at(row, channel)`, the gradient of the unit's output there, and `leave(row, channel, g)`, which takes the gradient behind the
// normalisation: that times the activation's slope at the normalised x.
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
        // AT_ONCE of them have their loads on their way together, as in batch_norm/apply.
        for (var first = begin + strip.first; first < end; first += AT_ONCE * strip.lanes) {
            var inputs: array<vec4<f32>, AT_ONCE>;
            var arriving: array<vec4<f32>, AT_ONCE>;
            #unroll i AT_ONCE
                let known = min(first + i * strip.lanes, end - 1u);
                inputs[i] = from_value(raw[known * columns.channels + channel]);
                arriving[i] = arriving_at(known, channel);
            #end
            #unroll i AT_ONCE
                let row = first + i * strip.lanes;
                if i == 0u || row < end {
                    let g = arriving[i] * activation_slope(inputs[i] * scale + shift);
                    leave(row, channel, g);
                    sum += g;
                    product += g * (inputs[i] - mean);
                }
            #end
        }
        product *= moments[columns.channels + channel];
    }
    leave_pairs(strip, lane, WORKGROUP / columns.width, Pair(sum, product));
}
