// The tile of a product with a transposed matrix: [rows][inner] times the transpose of [columns][inner]. The kernel
// defines what gemm_rows asks for and `weight_at(column, k4)`, 4 values of the inner dimension, zero outside.
fn transposed_tile(lane: u32, first_row: u32, first_column: u32, inner: u32) -> array<vec4<f32>, SUMS> {
    var sums = no_sums();
    for (var k4 = 0u; k4 < inner; k4 += STEP / 4u) {
        load_a(lane, first_row, k4);
        // The weights are read along the inner dimension as well, and turned.
        for (var i = lane; i < B_WIDTH * STEP / 4u; i += 64u) {
            let block = i / (STEP / 4u);
            let step = i % (STEP / 4u);
            let column = (first_column + block) * 4u;
            let turned = transpose(mat4x4<f32>(
                weight_at(column, k4 + step),
                weight_at(column + 1u, k4 + step),
                weight_at(column + 2u, k4 + step),
                weight_at(column + 3u, k4 + step),
            ));
            for (var j = 0u; j < 4u; j += 1u) {
                tile_b[(step * 4u + j) * B_WIDTH + block] = turned[j];
            }
        }
        workgroupBarrier();
        multiply_tiles(lane, &sums);
        workgroupBarrier();
    }
    return sums;
}
