// A reduction over the rows of a batch, see columns, that needs to know of which image a row is.
struct Params {
    columns: Columns,
    rows_per_image: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}
