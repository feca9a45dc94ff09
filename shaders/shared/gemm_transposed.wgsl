// The second matrix of gemm_rows when it is the transpose of [columns][inner], read along the inner dimension and turned like the
// first, see pointwise_turned_weights.
#import pointwise_turned_weights

const_assert B_WIDTH * STEP <= 4u * INVOCATIONS;
const B_TURN: u32 = 32u / STEP;

// A narrow tile has fewer blocks than there are invocations: the others load the last one again.
fn load_b(lane: u32, first_column: u32, k4: u32) -> array<vec4<f32>, 4> {
    let column = (first_column + min(lane / (STEP / 4u), B_WIDTH - 1u)) * 4u;
    let inner = k4 + lane % (STEP / 4u);
    return array<vec4<f32>, 4>(
        weight_at(column, inner),
        weight_at(column + 1u, inner),
        weight_at(column + 2u, inner),
        weight_at(column + 3u, inner),
    );
}

fn store_b(lane: u32, k4: u32, lines: array<vec4<f32>, 4>) {
    let block = lane / (STEP / 4u);
    if block < B_WIDTH {
        let own = lane % (STEP / 4u);
        let turned = transpose(mat4x4<f32>(
            weight_of(lines[0], k4 + own),
            weight_of(lines[1], k4 + own),
            weight_of(lines[2], k4 + own),
            weight_of(lines[3], k4 + own),
        ));
        let first = line_at(own * 4u, B_WIDTH, B_TURN) + block;
        #unroll j 4
            tile_b[first + j * B_WIDTH] = turned[j];
        #end
    }
}
