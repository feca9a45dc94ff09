// The second matrix of gemm_rows, [inner][columns] as it lies in memory, see pointwise_weights.
#import pointwise_weights

const_assert B_WIDTH * STEP == INVOCATIONS * B_PIECES;
const B_TURN: u32 = 0u;

fn load_b(lane: u32, first_column: u32, k4: u32) -> array<Weight, B_PIECES> {
    var pieces: array<Weight, B_PIECES>;
    #unroll i B_PIECES
        let at = lane + INVOCATIONS * i;
        pieces[i] = weight_at(k4 * 4u + at / B_WIDTH, first_column + at % B_WIDTH);
    #end
    return pieces;
}

fn store_b(lane: u32, k4: u32, pieces: array<Weight, B_PIECES>) {
    #unroll i B_PIECES
        put_b(lane + INVOCATIONS * i, weight_of(pieces[i], k4 * 4u + (lane + INVOCATIONS * i) / B_WIDTH), true);
    #end
}
