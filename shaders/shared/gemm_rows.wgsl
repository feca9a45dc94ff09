// The tile of a product whose first matrix is read along its rows: [rows][inner] times [inner][columns], see gemm_forward and
// gemm_transposed for the second. tile_a takes blocks of 4 x 4, turned; each invocation has A_BLOCKS of them in every step, of the
// same rows, which it finds once.
// The kernel defines `Line` and `line_of(row)`, where a row lies; `Raw` and `raw_at(line, k4)`, 4 values of the inner dimension as they lie
// in memory; `of_column_at(k4)`, what all rows share there; and `a_of(raw, line, k4, of_column)`, what the product takes of them. No
// branch may stand around a load: what a step needs of both matrices is on its way while the step before is multiplied (but for what
// of_column_at and a gate load, which caches have). Rows beyond the last are copies of it, and so are values beyond the last of the inner dimension, which meet zeros in the second matrix: one of the two has
// to be zero there, and this one is the larger.
#import gemm_product

const_assert A_WIDTH * STEP == 4u * INVOCATIONS * A_BLOCKS && K_GROUPS == 1u;
// An invocation's neighbours have the other k4 of a step: 4 or 8 of them, which take the 8 places of 128 bytes together.
const A_TURN: u32 = 32u / STEP;
// Blocks below one another that the invocations have at a time.
const BLOCKS_AT_ONCE: u32 = 4u * INVOCATIONS / STEP;

alias Lines = array<Line, 4u * A_BLOCKS>;

fn lines_of(lane: u32, first_row: u32) -> Lines {
    var lines: Lines;
    #unroll b A_BLOCKS
        let row = first_row + (lane / (STEP / 4u) + b * BLOCKS_AT_ONCE) * 4u;
        #unroll r 4
            lines[4u * b + r] = line_of(row + r);
        #end
    #end
    return lines;
}

fn load_a(lane: u32, lines: Lines, k4: u32) -> array<Raw, 4u * A_BLOCKS> {
    let inner = k4 + lane % (STEP / 4u);
    var raws: array<Raw, 4u * A_BLOCKS>;
    #unroll b A_BLOCKS
        #unroll r 4
            raws[4u * b + r] = raw_at(lines[4u * b + r], inner);
        #end
    #end
    return raws;
}

fn store_a(lane: u32, lines: Lines, k4: u32, raws: array<Raw, 4u * A_BLOCKS>) {
    let own = lane % (STEP / 4u);
    let inner = k4 + own;
    let of_column = of_column_at(inner);
    #unroll b A_BLOCKS
        let block = transpose(mat4x4<f32>(
            a_of(raws[4u * b], lines[4u * b], inner, of_column),
            a_of(raws[4u * b + 1u], lines[4u * b + 1u], inner, of_column),
            a_of(raws[4u * b + 2u], lines[4u * b + 2u], inner, of_column),
            a_of(raws[4u * b + 3u], lines[4u * b + 3u], inner, of_column),
        ));
        let first = line_at(own * 4u, A_WIDTH, A_TURN) + lane / (STEP / 4u) + b * BLOCKS_AT_ONCE;
        #unroll j 4
            tile_a[first + j * A_WIDTH] = block[j];
        #end
    #end
}
