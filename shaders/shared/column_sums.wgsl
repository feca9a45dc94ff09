// Sums over the rows of an image (or of a whole matrix), one workgroup for a strip of channels of an image.
// The kernel defines `value_at(at)`, what is summed, and `store_sum(at, sum)`, `at` being the place in
// [image][row][channel] and in [image][channel].
var<workgroup> sums: array<vec4<f32>, 64>;

fn sum_columns(group: u32, lane: u32, columns: Columns) {
    let image = group / columns.strips;
    let channel = (group % columns.strips) * columns.width + lane % columns.width;
    let lanes = 64u / columns.width;
    let first = lane / columns.width;
    let inside = channel < columns.channels && image < columns.slabs;
    var sum = vec4<f32>(0.0);
    if inside && first < lanes {
        for (var row = first; row < columns.rows; row += lanes) {
            sum += value_at((image * columns.rows + row) * columns.channels + channel);
        }
    }
    sums[lane] = sum;
    workgroupBarrier();
    if inside && first == 0u {
        for (var other = 1u; other < lanes; other += 1u) {
            sum += sums[lane + other * columns.width];
        }
        store_sum(image * columns.channels + channel, sum);
    }
}
