// Loads tile_a from a matrix that is read along its rows, turning blocks of 4 x 4.
// The kernel defines `a_at(row, k4)`: 4 values of the inner dimension of a row, zero outside.
fn load_a(lane: u32, first_row: u32, k4: u32) {
    for (var i = lane; i < A_WIDTH * STEP / 4u; i += 64u) {
        let block = i / (STEP / 4u);
        let inner = i % (STEP / 4u);
        let row = first_row + block * 4u;
        let turned = transpose(mat4x4<f32>(
            a_at(row, k4 + inner),
            a_at(row + 1u, k4 + inner),
            a_at(row + 2u, k4 + inner),
            a_at(row + 3u, k4 + inner),
        ));
        for (var j = 0u; j < 4u; j += 1u) {
            tile_a[(inner * 4u + j) * A_WIDTH + block] = turned[j];
        }
    }
}
