// shared/product with what a forward pass asks for besides: the rows that share a gate, and what follows the sum, see
// epilogue.
struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    column_tiles: u32,
    rows_per_image: u32,
    activation: u32,
    slope: f32,
    operands: u32,
}
