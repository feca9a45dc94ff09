// The kernel defines `store(row, column, sum)`.
// Stores the sums of the tile that begins at first_row and, in units of 4, first_column.
fn store_tile(lane: u32, first_row: u32, first_column: u32, sums: array<vec4<f32>, SUMS>) {
    var local = sums;
    let row = first_row + (lane / 8u) * 4u;
    let column = first_column + lane % 8u;
    for (var i = 0u; i < ROW_BLOCKS; i += 1u) {
        for (var r = 0u; r < 4u; r += 1u) {
            for (var j = 0u; j < COLUMN_BLOCKS; j += 1u) {
                store(row + 32u * i + r, column + 8u * j, local[(4u * i + r) * COLUMN_BLOCKS + j]);
            }
        }
    }
}
