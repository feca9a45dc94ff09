// The second matrix of gemm_rows, [inner][columns] as it lies in memory. The kernel defines `weight_at(k, column)`, zero beyond
// the last k and without a branch around its load.
const_assert B_WIDTH * STEP == 64u * B_PIECES;
const B_TURN: u32 = 0u;

fn load_b(lane: u32, first_column: u32, k4: u32) -> array<vec4<f32>, B_PIECES> {
    var pieces: array<vec4<f32>, B_PIECES>;
    #unroll i B_PIECES
        let at = lane + 64u * i;
        pieces[i] = weight_at(k4 * 4u + at / B_WIDTH, first_column + at % B_WIDTH);
    #end
    return pieces;
}

fn store_b(lane: u32, pieces: array<vec4<f32>, B_PIECES>) {
    #unroll i B_PIECES
        tile_b[lane + 64u * i] = pieces[i];
    #end
}
