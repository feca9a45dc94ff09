// As shared/gemm_rows; the rows lie in workgroup memory as they were read. Of a step an invocation has A_PIECES vec4, of as many rows,
// BLOCKS_AT_ONCE apart.
#import gemm_product

const A_TURN: u32 = 1u;
const BLOCKS_AT_ONCE: u32 = 4u * INVOCATIONS / STEP;
const_assert TILE_ROWS * STEP == 4u * INVOCATIONS * A_PIECES;

alias Lines = array<Line, A_PIECES>;

fn lines_of(lane: u32, first_row: u32) -> Lines {
    var lines: Lines;
    #unroll n A_PIECES
        lines[n] = line_of(first_row + lane / (STEP / 4u) + BLOCKS_AT_ONCE * n);
    #end
    return lines;
}

fn load_a(lane: u32, lines: Lines, k4: u32) -> array<Raw, A_PIECES> {
    let inner = k4 + lane % (STEP / 4u);
    var raws: array<Raw, A_PIECES>;
    #unroll n A_PIECES
        raws[n] = raw_at(lines[n], inner);
    #end
    return raws;
}

fn store_a(lane: u32, lines: Lines, k4: u32, raws: array<Raw, A_PIECES>) {
    let own = lane % (STEP / 4u);
    let of_column = of_column_at(k4 + own);
    #unroll n A_PIECES
        put_a_in(lane / (STEP / 4u) + BLOCKS_AT_ONCE * n, own, a_of(raws[n], lines[n], k4 + own, of_column));
    #end
}
