// Sizes of a 1x1 convolution's product, channels in units of 4, and how many tiles lie beside one another.
struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    column_tiles: u32,
}
