// A subgroup's tile of a product over the rows: ROWS * LANES rows, of which a lane has a column and loads every LANESth.
// The kernel declares `params` with `rows` and `column_tiles`.
#import subgroup

struct RowTile {
    first_row: u32,
    // Rows that there are of it. How many no compiler knows, so that none unrolls a loop over what is stored: of its loads and stores there
    // would be more than of all else.
    rows: u32,
    column: u32,
}

fn row_tile_of(place: Place) -> RowTile {
    let first = (place.tile / params.column_tiles) * (ROWS * LANES);
    let rows = select(0u, min(ROWS * LANES, params.rows - first), first < params.rows);
    return RowTile(first, rows, (place.tile % params.column_tiles) * LANES + place.lane);
}
