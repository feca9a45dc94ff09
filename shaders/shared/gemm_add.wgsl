// Adds to the sums of a tile what lies in memory at their places, [rows][columns]. The kernel defines `addend_at(at)`. Places beyond
// the edge are clamped, so that no branch keeps one load waiting for another; what they get is not stored.
fn added_tile(
    lane: u32,
    first_row: u32,
    first_column: u32,
    rows: u32,
    columns: u32,
    sums: array<vec4<f32>, SUMS>,
) -> array<vec4<f32>, SUMS> {
    var local = sums;
    let row = first_row + (lane / GRID_COLUMNS) * 4u;
    let column = first_column + lane % GRID_COLUMNS;
    #unroll i ROW_BLOCKS
        #unroll r 4
            let line = min(row + ROWS_APART * i + r, rows - 1u) * columns;
            #unroll j COLUMN_BLOCKS
                local[(4u * i + r) * COLUMN_BLOCKS + j] += addend_at(line + min(column + GRID_COLUMNS * j, columns - 1u));
            #end
        #end
    #end
    return local;
}
