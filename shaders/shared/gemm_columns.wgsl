// Sums over the rows of a tile, for what a product leaves beside its output.
// Adds up what the 8 invocations of a column hold; every one of them gets the sum. Uses tile_a, after the product.
fn add_down(lane: u32, value: vec4<f32>) -> vec4<f32> {
    workgroupBarrier();
    tile_a[lane] = value;
    workgroupBarrier();
    let column = lane % 8u;
    var sum = tile_a[column];
    for (var row = 1u; row < 8u; row += 1u) {
        sum += tile_a[row * 8u + column];
    }
    return sum;
}
