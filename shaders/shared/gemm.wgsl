// One 32 x 32 tile of C = A B, 64 invocations, each 4 rows x 4 columns, K in steps of 32.
// tile_a holds A transposed, [k][row / 4], tile_b holds B, [k][column / 4]: 8 KiB together.
var<workgroup> tile_a: array<vec4<f32>, 256>;
var<workgroup> tile_b: array<vec4<f32>, 256>;

// Rows 4 * (lane / 8) + 0..3 of the tile, columns 4 * (lane % 8) + 0..3.
struct Accumulator {
    row0: vec4<f32>,
    row1: vec4<f32>,
    row2: vec4<f32>,
    row3: vec4<f32>,
}

fn multiply_tiles(lane: u32, c: ptr<function, Accumulator>) {
    let row = lane / 8u;
    let column = lane % 8u;
    var sum = *c;
    for (var k = 0u; k < 32u; k += 1u) {
        let a = tile_a[k * 8u + row];
        let b = tile_b[k * 8u + column];
        sum.row0 += a.x * b;
        sum.row1 += a.y * b;
        sum.row2 += a.z * b;
        sum.row3 += a.w * b;
    }
    *c = sum;
}
