// Sums over the rows of a tile, for what a product leaves beside its output.
// Adds up what the GRID_ROWS invocations of a column hold; every one of them gets the sum. Uses tile_a, after the product.
fn add_down(lane: u32, value: vec4<f32>) -> vec4<f32> {
    workgroupBarrier();
    tile_a[lane] = value;
    workgroupBarrier();
    let column = lane % GRID_COLUMNS;
    var sum = tile_a[column];
    for (var row = 1u; row < GRID_ROWS; row += 1u) {
        sum += tile_a[row * GRID_COLUMNS + column];
    }
    return sum;
}
