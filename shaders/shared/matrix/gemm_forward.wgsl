// As shared/gemm_forward, of weights that are packed. Behind the last step it loads that one again.
#import pointwise_weights

const UNITS_ACROSS: u32 = B_WIDTH / 2u;
const B_TURN: u32 = 0u;

fn load_b(lane: u32, first_column: u32, k4: u32) -> Units {
    let line = packed_line(params.outputs);
    let first = min(k4 * 4u, packed_line(params.inputs) * 8u - STEP) * line;
    var units: Units;
    #unroll i B_UNITS
        let at = unit_of(lane, i);
        let column = min(first_column / 2u + at % UNITS_ACROSS, line - 1u);
        units[i] = weights[first + at / UNITS_ACROSS * line + column];
    #end
    return units;
}
