// As shared/gemm_transposed; the lines of the weights lie in workgroup memory as they were read.
const B_TURN: u32 = 1u;
const_assert B_WIDTH * STEP == INVOCATIONS * B_PIECES;

fn load_b(lane: u32, first_column: u32, k4: u32) -> array<vec4<f32>, B_PIECES> {
    let column = first_column * 4u + lane / (STEP / 4u);
    var lines: array<vec4<f32>, B_PIECES>;
    #unroll n B_PIECES
        lines[n] = weight_at(column + BLOCKS_AT_ONCE * n, k4 + lane % (STEP / 4u));
    #end
    return lines;
}

fn store_b(lane: u32, k4: u32, lines: array<vec4<f32>, B_PIECES>) {
    let own = lane % (STEP / 4u);
    #unroll n B_PIECES
        put_b_in(lane / (STEP / 4u) + BLOCKS_AT_ONCE * n, own, weight_of(lines[n], k4 + own));
    #end
}
