// The kernel defines `store(row, column, sum)`.
// Stores the sums of the tile that begins at first_row and, in units of 4, first_column.
fn store_tile(lane: u32, first_row: u32, first_column: u32, sums: array<vec4<f32>, SUMS>) {
    var local = sums;
    let row = first_row + (lane / GRID_COLUMNS) * 4u;
    let column = first_column + lane % GRID_COLUMNS;
    #unroll i ROW_BLOCKS
        #unroll r 4
            #unroll j COLUMN_BLOCKS
                store(row + ROWS_APART * i + r, column + GRID_COLUMNS * j, local[(4u * i + r) * COLUMN_BLOCKS + j]);
            #end
        #end
    #end
}
