// As shared/gemm_transposed, of weights that are packed; their lines lie in workgroup memory as they were read. Behind the last step it
// loads that one again.
#import pointwise_weights

const UNITS_ACROSS: u32 = STEP / 8u;
const B_TURN: u32 = 1u;

fn load_b(lane: u32, first_column: u32, k4: u32) -> Units {
    let line = packed_line(params.outputs);
    let first = min(k4 / 2u, line - STEP / 8u);
    let last = packed_line(params.inputs) * 8u - 1u;
    var units: Units;
    #unroll i B_UNITS
        let at = unit_of(lane, i);
        let column = min(first_column * 4u + at / UNITS_ACROSS, last);
        units[i] = weights[column * line + first + at % UNITS_ACROSS];
    #end
    return units;
}
