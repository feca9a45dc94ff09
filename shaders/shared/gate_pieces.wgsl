// The pieces of gate_columns meet in `scratch`, which the kernel declares, from `pieces_at` on.
fn leave_pieces(lane: u32, sums: array<vec4<f32>, IMAGES>) {
    var local = sums;
    #unroll m IMAGES
        scratch[params.pieces_at + image[m] * LANES + lane] = local[m];
    #end
}

// The sum of a column's pieces in an image, for the column's first invocation.
fn joined(of_image: u32, columns: Columns) -> vec4<f32> {
    let pieces_at = params.pieces_at + of_image * LANES;
    var sum = scratch[pieces_at + columns.own];
    for (var piece = 1u; piece < columns.pieces; piece += 1u) {
        sum += scratch[pieces_at + piece * columns.width + columns.own];
    }
    return sum;
}
