// Both gradients of a 1x1 convolution of few channels in one pass over its rows, on a device's matrix units: the data gradient taken back
// through the activation of the unit before, as of data_gradient_sums, and the weights' of each slab of rows, as of weight_gradient. Both
// want the gradient of the output, which goes back through its normalisation as it is loaded, and, where the input is what was made of that
// unit alone (OF_UNIT), its raw output: here each is read once.
// output_gradient and output [rows][outputs], weights [inputs][outputs], input, raw and input_gradient [rows][inputs], moments [4][inputs];
// partial: the sums [slabs][2][inputs], and from weights_at on the weights' gradients [slabs][inputs][outputs]; units of 4 channels.
//
// A workgroup has all channels, INPUTS x OUTPUTS blocks of SIDE x SIDE weights, and keeps all that it adds up in registers, see
// shared/whole_blocks. Of a step each team has ROW_BLOCKS times SIDE rows, of which it makes the data gradient, and OWN_INPUTS x OWN_OUTPUTS
// blocks of the weights' gradient, of all rows. 16 bits are multiplied as in shared/matrix/gemm.
#import storage
#import matrix
#import grid
#import activation
#import gradient_operand
#import gradient_behind
#import whole_blocks
#import block_pairs

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(9) var<storage, read> input: array<Value>;

// Whether the input is what the unit before made of `raw`.
override OF_UNIT: bool = false;

// Rows of a team, and of all.
const OWN_ROWS: u32 = 8u * LINES;
const STEP: u32 = OWN_ROWS * TEAMS;
// Teams beside one another in the outputs, of the weights' gradient.
const ACROSS: u32 = OUTPUTS / OWN_OUTPUTS;
const_assert ACROSS * OWN_OUTPUTS == OUTPUTS && INPUTS / OWN_INPUTS * ACROSS == TEAMS;
const_assert ROW_BLOCKS * 2u == LINES && AT_ONCE * TURNS >= INPUTS;

// Vec4 of a line of the gradients' and of the inputs', with the gap of shared/matrix/gemm.
const GRADIENT_LINE: u32 = OUTPUTS * 4u + 2u;
const INPUT_LINE: u32 = INPUTS * 4u + 2u;
const INPUTS_AT: u32 = STEP * GRADIENT_LINE;
const HALVES: u32 = INPUTS_AT + STEP * INPUT_LINE;
// Sums in single precision lie there after they are made: of each team the rows of AT_ONCE blocks.
const SUM_LINE: u32 = AT_ONCE * 4u + 1u;
const OWN_SUMS: u32 = SIDE * SUM_LINE;
const POOL: u32 = max(HALVES, 2u * max(TEAMS * OWN_SUMS, 2u * INVOCATIONS));

// How the gradient of each group of outputs goes back through the normalisation.
var<workgroup> ways: array<vec4<f32>, 12u * OUTPUTS>;

// Gradients are taken times as much.
const LARGER: f32 = f32(1u << SHIFT);

// What a step takes of memory, as it lies there: of each of an invocation's lines one of four neighbouring vec4 in each block.
struct Loads {
    gradients: array<RawGradient, LINES * OUTPUTS>,
    inputs: array<Value, LINES * INPUTS>,
    arriving: array<Arriving, LINES * INPUTS>,
}

fn loads_at(first: u32, end: u32, line: u32, place: u32) -> Loads {
    var loads: Loads;
    #unroll h LINES
        let row = min(first + line + 8u * h, end - 1u);
        #unroll w OUTPUTS
            loads.gradients[LINES * w + h] = raw_gradient(row * params.outputs + min(place + 4u * w, params.outputs - 1u));
        #end
        #unroll n INPUTS
            let at = row * params.inputs + min(place + 4u * n, params.inputs - 1u);
            loads.arriving[LINES * n + h] = arriving_at(at);
            if !OF_UNIT {
                loads.inputs[LINES * n + h] = input[at];
            }
        #end
    #end
    return loads;
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let slab = slab_of(linear_group(group_id, grid));
    let end = slab.end;
    let team = lane / TEAM;
    let of_rows = part_row(lane);
    let of_columns = part_column(lane);
    // The team's blocks of the weights' gradient.
    let own_input = team / ACROSS * OWN_INPUTS;
    let own_output = team % ACROSS * OWN_OUTPUTS;
    // The invocation's first line, and its vec4 of each block's.
    let line = team * OWN_ROWS + lane % TEAM / 4u;
    let place = lane % 4u;
    for (var i = lane; i < 4u * OUTPUTS; i += INVOCATIONS) {
        let through = through_times(through_of(min(i, params.outputs - 1u), params.outputs), LARGER);
        ways[3u * i] = through.scale;
        ways[3u * i + 1u] = through.slope;
        ways[3u * i + 2u] = through.offset;
    }
    // The weights stay in registers: lines are inputs, along which the outputs lie, and those beyond the last are zero.
    var turned: array<MatrixB, INPUTS * OUTPUTS * PARTS>;
    #unroll n INPUTS
        for (var i = lane; i < SIDE * 4u * OUTPUTS; i += INVOCATIONS) {
            let of_line = min(SIDE * n + i / (4u * OUTPUTS), params.inputs * 4u - 1u);
            let group = i % (4u * OUTPUTS);
            let weight = weights[of_line * params.outputs + min(group, params.outputs - 1u)];
            put(i / (4u * OUTPUTS) * GRADIENT_LINE + group, select(vec4<f16>(), to_half(weight), group < params.outputs));
        }
        workgroupBarrier();
        #unroll w OUTPUTS
            #unroll p 2
                if p < PARTS {
                    const own = min(p, PARTS - 1u);
                    turned[(n * OUTPUTS + w) * PARTS + own] =
                        coopLoad<MatrixB>(&halves[of_columns * GRADIENT_LINE + w * 4u + own * (EDGE / 4u)], GRADIENT_LINE);
                }
            #end
        #end
        workgroupBarrier();
    #end
    var of_weights: array<MatrixSum, OWN_INPUTS * OWN_OUTPUTS>;
    var plain: array<vec4<f32>, INPUTS>;
    var weighted: array<vec4<f32>, INPUTS>;
    var loads = loads_at(slab.begin, max(end, slab.begin + 1u), line, place);
    for (var first = slab.begin; first < end; first += STEP) {
        #unroll h LINES
            let at = line + 8u * h;
            #unroll w OUTPUTS
                let group = place + 4u * w;
                let way = Through(ways[3u * group], ways[3u * group + 1u], ways[3u * group + 2u]);
                let gradient = gradient_times(loads.gradients[LINES * w + h], way, LARGER);
                put(at * GRADIENT_LINE + group, select(vec4<f16>(), to_half(gradient), first + at < end));
            #end
        #end
        #unroll n INPUTS
            if OF_UNIT {
                load_moments(min(place + 4u * n, params.inputs - 1u), params.inputs);
            }
            #unroll h LINES
                var value: vec4<f32>;
                if OF_UNIT {
                    value = activate(from_value(loads.arriving[LINES * n + h].raw) * scale + shift);
                } else {
                    value = from_value(loads.inputs[LINES * n + h]);
                }
                put(INPUTS_AT + (line + 8u * h) * INPUT_LINE + place + 4u * n, vec4<f16>(value));
            #end
        #end
        let arriving = loads.arriving;
        workgroupBarrier();
        // The next step's loads are on their way while this one is multiplied.
        loads = loads_at(first + STEP, end, line, place);
        var of_inputs: array<MatrixSum, ROW_BLOCKS * INPUTS>;
        #unroll b ROW_BLOCKS
            let row = team * OWN_ROWS + SIDE * b + of_rows;
            #unroll w OUTPUTS
                #unroll p 2
                    if p < PARTS {
                        const own = min(p, PARTS - 1u);
                        let a = coopLoadT<MatrixA>(&halves[row * GRADIENT_LINE + w * 4u + own * (EDGE / 4u)], GRADIENT_LINE);
                        #unroll n INPUTS
                            of_inputs[b * INPUTS + n] = coopMultiplyAdd(a, turned[(n * OUTPUTS + w) * PARTS + own], of_inputs[b * INPUTS + n]);
                        #end
                    }
                #end
            #end
        #end
        for (var row = 0u; row < STEP; row += EDGE) {
            var a: array<MatrixA, OWN_INPUTS>;
            #unroll n OWN_INPUTS
                a[n] = coopLoad<MatrixA>(&halves[INPUTS_AT + row * INPUT_LINE + (own_input + n) * 4u + of_rows / 4u], INPUT_LINE);
            #end
            #unroll w OWN_OUTPUTS
                let b = coopLoadT<MatrixB>(&halves[row * GRADIENT_LINE + (own_output + w) * 4u + of_columns / 4u], GRADIENT_LINE);
                #unroll n OWN_INPUTS
                    of_weights[n * OWN_OUTPUTS + w] = coopMultiplyAdd(a[n], b, of_weights[n * OWN_OUTPUTS + w]);
                #end
            #end
        }
        #unroll b ROW_BLOCKS
            #unroll t TURNS
                workgroupBarrier();
                #unroll i AT_ONCE
                    if t * AT_ONCE + i < INPUTS {
                        const n = min(t * AT_ONCE + i, INPUTS - 1u);
                        let at = team * OWN_SUMS + of_rows * SUM_LINE + i * 4u + of_columns / 4u;
                        coopStoreT(of_inputs[b * INPUTS + n], &pool[2u * at], 2u * SUM_LINE);
                    }
                #end
                workgroupBarrier();
                #unroll i AT_ONCE
                    if t * AT_ONCE + i < INPUTS {
                        const n = min(t * AT_ONCE + i, INPUTS - 1u);
                        let group = place + 4u * n;
                        load_moments(min(group, params.inputs - 1u), params.inputs);
                        sum = plain[n];
                        product = weighted[n];
                        #unroll g 2
                            const h = 2u * b + g;
                            let row = first + line + 8u * h;
                            let at = team * OWN_SUMS + (lane % TEAM / 4u + 8u * g) * SUM_LINE + i * 4u + place;
                            let ahead = ahead_from(arriving[LINES * n + h]);
                            let inside = (row < end) & (group < params.inputs);
                            leave(row * params.inputs + group, scratch(at) / LARGER, ahead, inside);
                        #end
                        plain[n] = sum;
                        weighted[n] = product;
                    }
                #end
            #end
        #end
        workgroupBarrier();
    }
    if slab.number >= params.slabs {
        return;
    }
    // The sums of all lines of invocations.
    #unroll n INPUTS
        let group = place + 4u * n;
        let of_deviations = weighted[n] * moments[params.inputs + min(group, params.inputs - 1u)];
        leave_pairs(lane, slab.number, group, params.inputs, plain[n], of_deviations);
    #end
    #unroll n OWN_INPUTS
        #unroll w OWN_OUTPUTS
            let at = team * OWN_SUMS + of_rows * SUM_LINE + of_columns / 4u;
            coopStoreT(of_weights[n * OWN_OUTPUTS + w], &pool[2u * at], 2u * SUM_LINE);
            workgroupBarrier();
            #unroll h 2
                let own = lane % TEAM / 4u + 8u * h;
                let row = SIDE * (own_input + n) + own;
                let group = place + 4u * (own_output + w);
                if row < params.inputs * 4u && group < params.outputs {
                    let to = (slab.number * params.inputs * 4u + row) * params.outputs + group;
                    partial[params.weights_at + to] = scratch(team * OWN_SUMS + own * SUM_LINE + place) / LARGER;
                }
            #end
            workgroupBarrier();
        #end
    #end
}
