// The tile of a product over the rows: [rows][inner] times [inner][columns]. The kernel defines what
// gemm_rows asks for and `weight_at(k, column)`, zero outside.
fn forward_tile(lane: u32, first_row: u32, first_column: u32, inner: u32) -> array<vec4<f32>, SUMS> {
    var sums = no_sums();
    for (var k4 = 0u; k4 < inner; k4 += STEP / 4u) {
        load_a(lane, first_row, k4);
        for (var i = lane; i < B_WIDTH * STEP; i += 64u) {
            tile_b[i] = weight_at(k4 * 4u + i / B_WIDTH, first_column + i % B_WIDTH);
        }
        workgroupBarrier();
        multiply_tiles(lane, &sums);
        workgroupBarrier();
    }
    return sums;
}
