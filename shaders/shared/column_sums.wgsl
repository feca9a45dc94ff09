// Sums over the rows of an image (or of a whole matrix), one workgroup for a strip of channels of an image.
// The kernel defines `value_at(at)`, what is summed, and `store_sum(at, sum)`, `at` being the place in
// [image][row][channel] and in [image][channel].
#import strip
#import tree_sums

fn sum_columns(group: u32, lane: u32, columns: Columns) {
    let strip = strip_of(group, lane, columns.channels, columns.width, columns.strips, columns.slabs);
    var sum = vec4<f32>(0.0);
    if strip.inside {
        // Four at a time, so that their loads are on their way together.
        let base = strip.slab * columns.rows;
        for (var row = strip.first; row < columns.rows; row += 4u * strip.lanes) {
            var values: array<vec4<f32>, 4>;
            #unroll i 4
                let known = base + min(row + i * strip.lanes, columns.rows - 1u);
                values[i] = value_at(known * columns.channels + strip.channel);
            #end
            #unroll i 4
                sum += select(vec4<f32>(0.0), values[i], row + i * strip.lanes < columns.rows);
            #end
        }
    }
    sum = tree_sum(lane, strip.first, WORKGROUP / columns.width, columns.width, sum);
    if strip.inside && strip.first == 0u {
        store_sum(strip.slab * columns.channels + strip.channel, sum);
    }
}
