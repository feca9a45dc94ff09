// shared/product cut into slabs of rows (split-K), with the rows that share a gate.
struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    column_tiles: u32,
    row_tiles: u32,
    rows_per_slab: u32,
    slabs: u32,
    rows_per_image: u32,
}
