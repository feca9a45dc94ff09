// Loads tile_a from a matrix that is read along its rows, turning blocks of 4 x 4.
// The kernel defines `a_at(row, k4, of_column)`: 4 values of the inner dimension of a row, zero outside, and `of_column_at(k4)`,
// what all rows share there.
fn load_a(lane: u32, first_row: u32, k4: u32) {
    for (var i = lane; i < A_WIDTH * STEP / 4u; i += 64u) {
        let block = i / (STEP / 4u);
        let inner = i % (STEP / 4u);
        let row = first_row + block * 4u;
        let of_column = of_column_at(k4 + inner);
        let turned = transpose(mat4x4<f32>(
            a_at(row, k4 + inner, of_column),
            a_at(row + 1u, k4 + inner, of_column),
            a_at(row + 2u, k4 + inner, of_column),
            a_at(row + 3u, k4 + inner, of_column),
        ));
        for (var j = 0u; j < 4u; j += 1u) {
            tile_a[(inner * 4u + j) * A_WIDTH + block] = turned[j];
        }
    }
}
