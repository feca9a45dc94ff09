// The tile of a product whose first matrix is read along its rows: [rows][inner] times [inner][columns], see gemm_forward and
// gemm_transposed for the second. tile_a takes blocks of 4 x 4, turned; each invocation has one in every step, so that it finds
// its rows once.
// The kernel defines `Line` and `line_of(row)`, where a row lies; `of_column_at(k4)`, what all rows share at 4 values of the inner
// dimension; and `a_at(line, k4, of_column)`, these 4 values of a row, zero outside. No branch may stand around a load:
// all loads of a step are to be on their way before the first is waited for.
const_assert A_WIDTH * STEP == 256u;
// An invocation's neighbours have the other k4 of a step: 4 or 8 of them, which take 8 places together.
const A_TURN: u32 = 32u / STEP;

fn lines_of(lane: u32, first_row: u32) -> array<Line, 4> {
    let row = first_row + lane / (STEP / 4u) * 4u;
    return array<Line, 4>(line_of(row), line_of(row + 1u), line_of(row + 2u), line_of(row + 3u));
}

fn load_a(lane: u32, lines: array<Line, 4>, k4: u32) -> mat4x4<f32> {
    let inner = k4 + lane % (STEP / 4u);
    let of_column = of_column_at(inner);
    return transpose(mat4x4<f32>(
        a_at(lines[0], inner, of_column),
        a_at(lines[1], inner, of_column),
        a_at(lines[2], inner, of_column),
        a_at(lines[3], inner, of_column),
    ));
}

fn product_tile(lane: u32, first_row: u32, first_column: u32, inner: u32) -> array<vec4<f32>, SUMS> {
    var sums = no_sums();
    let lines = lines_of(lane, first_row);
    let own = lane % (STEP / 4u);
    let first = own * 4u * A_WIDTH + place_of(lane / (STEP / 4u), A_TURN, own);
    for (var k4 = 0u; k4 < inner; k4 += STEP / 4u) {
        let a = load_a(lane, lines, k4);
        let b = load_b(lane, first_column, k4);
        #unroll j 4
            tile_a[first + j * A_WIDTH] = a[j];
        #end
        store_b(lane, b);
        workgroupBarrier();
        multiply_tiles(lane, &sums);
        workgroupBarrier();
    }
    return sums;
}
