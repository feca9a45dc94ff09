// The second matrix of a 1x1 convolution as pointwise/pack leaves it: [inputs][outputs] in half precision, 8 in each element, both numbers
// rounded up to a multiple of 32 with zeros. So it is copied as it lies in memory, and ends nowhere within a step. Whoever loads it says how
// many elements of a step lie in a line, UNITS_ACROSS.
alias Weights = array<vec4<f32>>;

// Elements of a step, of which an invocation has B_UNITS at most.
const UNITS: u32 = STEP * B_WIDTH / 2u;
const_assert B_UNITS == (UNITS + INVOCATIONS - 1u) / INVOCATIONS;
const_assert B_SHIFT == 0u && B_WIDTH % 2u == 0u && STEP % 8u == 0u && 32u % STEP == 0u;

alias Units = array<vec4<f32>, B_UNITS>;

// Number i of an invocation's; behind the last that one.
fn unit_of(lane: u32, i: u32) -> u32 {
    return min(lane + INVOCATIONS * i, UNITS - 1u);
}

fn has_unit(lane: u32, i: u32) -> bool {
    return (i + 1u) * INVOCATIONS <= UNITS || lane + INVOCATIONS * i < UNITS;
}

// Elements of a line of so many channels, in units of 4.
fn packed_line(channels: u32) -> u32 {
    return (channels + 7u) / 8u * 4u;
}

fn store_b(lane: u32, k4: u32, units: Units) {
    #unroll i B_UNITS
        if has_unit(lane, i) {
            let at = unit_of(lane, i);
            put_b_unit(at / UNITS_ACROSS, at % UNITS_ACROSS * 2u, units[i]);
        }
    #end
}
