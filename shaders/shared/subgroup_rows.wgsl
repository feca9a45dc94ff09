// A subgroup's tile of a product over the rows: ROWS * LANES rows, of which a lane has a column and loads every LANESth.
// The kernel declares `params` with `rows` and `column_tiles`.
#import subgroup

struct RowTile {
    // The rows that there are of it. A loop over what is stored goes from one to the other: how often no compiler knows, so that none unrolls
    // it: else there would be more of its loads and stores than of all else.
    first_row: u32,
    end_row: u32,
    column: u32,
}

fn row_tile_of(place: Place) -> RowTile {
    let first = (place.tile / params.column_tiles) * (ROWS * LANES);
    let end = max(first, min(first + ROWS * LANES, params.rows));
    return RowTile(first, end, (place.tile % params.column_tiles) * LANES + place.lane);
}
