// The product of a tile, step by step: of gemm_rows, which has the first matrix, and of what has the second.
fn product_tile(lane: u32, first_row: u32, first_column: u32, inner: u32) -> array<vec4<f32>, SUMS> {
    var products = no_products();
    let lines = lines_of(lane, first_row);
    var a = load_a(lane, lines, 0u);
    var b = load_b(lane, first_column, 0u);
    for (var k4 = 0u; k4 < inner; k4 += STEP / 4u) {
        store_a(lane, lines, k4, a);
        store_b(lane, k4, b);
        workgroupBarrier();
        // The next step's loads are on their way while this one is multiplied.
        a = load_a(lane, lines, k4 + STEP / 4u);
        b = load_b(lane, first_column, k4 + STEP / 4u);
        multiply_tiles(lane, &products);
        workgroupBarrier();
    }
    return sums_of_products(lane, &products);
}
