// A 1x1 convolution of few channels for a batch normalisation behind it, as of forward_statistics, on a device's matrix units: a workgroup has
// all channels, the weights in registers, and goes through the rows of a slab, of which it leaves mean and sum of squared deviations.
// input [rows][inputs], see operand, weights [inputs][outputs], output [rows][outputs], moments [4][inputs], partial [slabs][2][outputs];
// units of 4 channels.
//
// A workgroup is as many invocations as a subgroup has where matrices are of 16x16, so that a barrier keeps nothing waiting. It makes
// ROW_BLOCKS times SIDE rows at a time, of INPUTS x OUTPUTS blocks of SIDE x SIDE weights, see shared/whole_blocks.
#import storage
#import matrix
#import grid
#import activation
#import operand
#import whole_blocks
#import block_moments

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<Value>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

const STEP: u32 = SIDE * ROW_BLOCKS;
const_assert TEAMS == 1u && ROW_BLOCKS * 2u == LINES && AT_ONCE * TURNS >= OUTPUTS;
// Vec4 of a line, with the gap of shared/matrix/gemm.
const INPUT_LINE: u32 = INPUTS * 4u + 2u;
const WEIGHT_LINE: u32 = OUTPUTS * 4u + 2u;
const ROWS_HALVES: u32 = STEP * INPUT_LINE;
const HALVES: u32 = max(ROWS_HALVES, SIDE * WEIGHT_LINE);
// Sums lie behind the rows, of AT_ONCE blocks at a time; and at the end what the invocations have of a block's statistics.
const SUMS_AT: u32 = ROWS_HALVES / 2u;
const SUM_LINE: u32 = AT_ONCE * 4u + 1u;
const POOL: u32 = max(HALVES, 2u * max(SUMS_AT + SIDE * SUM_LINE, 3u * INVOCATIONS));

alias Rows = array<Value, LINES * INPUTS>;

// Of each of an invocation's lines one of four neighbouring vec4 in each block.
fn rows_at(first: u32, end: u32, line: u32, place: u32) -> Rows {
    var rows: Rows;
    #unroll h LINES
        let row = min(first + line + 8u * h, end - 1u);
        #unroll n INPUTS
            rows[LINES * n + h] = input[row * params.inputs + min(place + 4u * n, params.inputs - 1u)];
        #end
    #end
    return rows;
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let slab = slab_of(linear_group(group_id, grid));
    let end = slab.end;
    let of_rows = part_row(lane);
    let of_columns = part_column(lane);
    let line = lane / 4u;
    let place = lane % 4u;
    // The weights stay in registers; those beyond the last input are zero.
    var multiplied: array<MatrixB, INPUTS * OUTPUTS * PARTS>;
    #unroll n INPUTS
        for (var i = lane; i < SIDE * 4u * OUTPUTS; i += INVOCATIONS) {
            let k = SIDE * n + i / (4u * OUTPUTS);
            let group = i % (4u * OUTPUTS);
            let weight = weights[min(k, params.inputs * 4u - 1u) * params.outputs + min(group, params.outputs - 1u)];
            put(i / (4u * OUTPUTS) * WEIGHT_LINE + group, select(vec4<f16>(), to_half(from_weight(weight)), k < params.inputs * 4u));
        }
        workgroupBarrier();
        #unroll w OUTPUTS
            #unroll p 2
                if p < PARTS {
                    const own = min(p, PARTS - 1u);
                    multiplied[(n * OUTPUTS + w) * PARTS + own] =
                        coopLoadT<MatrixB>(&halves[own * EDGE * WEIGHT_LINE + w * 4u + of_columns / 4u], WEIGHT_LINE);
                }
            #end
        #end
        workgroupBarrier();
    #end
    var own: array<Pivoted, OUTPUTS>;
    #unroll w OUTPUTS
        own[w] = nothing_yet();
    #end
    var rows = rows_at(slab.begin, max(end, slab.begin + 1u), line, place);
    for (var first = slab.begin; first < end; first += STEP) {
        #unroll n INPUTS
            let affine = affine_of(min(place + 4u * n, params.inputs - 1u), params.inputs);
            #unroll h LINES
                put((line + 8u * h) * INPUT_LINE + place + 4u * n, vec4<f16>(operand_of(from_value(rows[LINES * n + h]), affine)));
            #end
        #end
        workgroupBarrier();
        // The next step's loads are on their way while this one is multiplied.
        rows = rows_at(first + STEP, end, line, place);
        #unroll b ROW_BLOCKS
            #unroll t TURNS
                var products: array<MatrixSum, AT_ONCE>;
                #unroll n INPUTS
                    #unroll p 2
                        if p < PARTS {
                            const part = min(p, PARTS - 1u);
                            let a = coopLoadT<MatrixA>(
                                &halves[(SIDE * b + of_rows) * INPUT_LINE + n * 4u + part * (EDGE / 4u)],
                                INPUT_LINE,
                            );
                            #unroll i AT_ONCE
                                if t * AT_ONCE + i < OUTPUTS {
                                    const w = min(t * AT_ONCE + i, OUTPUTS - 1u);
                                    products[i] = coopMultiplyAdd(a, multiplied[(n * OUTPUTS + w) * PARTS + part], products[i]);
                                }
                            #end
                        }
                    #end
                #end
                #unroll i AT_ONCE
                    if t * AT_ONCE + i < OUTPUTS {
                        let at = SUMS_AT + of_rows * SUM_LINE + i * 4u + of_columns / 4u;
                        coopStoreT(products[i], &pool[2u * at], 2u * SUM_LINE);
                    }
                #end
                workgroupBarrier();
                #unroll i AT_ONCE
                    if t * AT_ONCE + i < OUTPUTS {
                        const w = min(t * AT_ONCE + i, OUTPUTS - 1u);
                        let group = place + 4u * w;
                        #unroll g 2
                            let row = first + SIDE * b + line + 8u * g;
                            let value = scratch(SUMS_AT + (line + 8u * g) * SUM_LINE + i * 4u + place);
                            let stored = to_value(value);
                            let inside = row < end;
                            if inside & (group < params.outputs) {
                                output[row * params.outputs + group] = stored;
                            }
                            own[w] = with_value(with_pivot(own[w], value), value, inside);
                        #end
                    }
                #end
                workgroupBarrier();
            #end
        #end
    }
    if slab.number >= params.slabs {
        return;
    }
    #unroll w OUTPUTS
        leave_moments(lane, slab.number, place + 4u * w, own[w]);
    #end
}
