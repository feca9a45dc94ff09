// As dense/stem_statistics, on a device's matrix units, see stem_blocks: the stem's products, and of each block of rows the mean and the
// sum of squared deviations of every channel.
// input [n][h][w], weights [3][3][4][outputs], of which the fourth is not read, output [n][oh][ow][outputs],
// partial [n * oh / down][2][outputs]; units of 4 channels.
#import storage
#import matrix
#import grid
#import stem_blocks
#import block_moments

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read_write> output: array<Value>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4<f32>>;

const HALVES: u32 = LINES_HALVES;
const WEIGHT_LINE: u32 = 6u;
// Sums of a block of outputs lie behind the lines; and at the end what the invocations have of the statistics.
const SUMS_AT: u32 = LINES_HALVES / 2u;
const SUM_LINE: u32 = 5u;
const POOL: u32 = 2u * max(SUMS_AT + SIDE * SUM_LINE, 3u * INVOCATIONS);
const_assert LINES_HALVES % 2u == 0u && SIDE * WEIGHT_LINE <= HALVES;

// Of filter row i in a subgroup's columns: lines are the row's numbers, of which those of a fourth channel and of a fourth pixel are zero.
fn put_weights(i: u32, lane: u32) {
    for (var at = lane; at < SIDE * 4u; at += INVOCATIONS) {
        let k = at / 4u;
        let weight = weights[(i * ROW + min(k, ROW - 1u)) * params.outputs + min(at % 4u, params.outputs - 1u)];
        put(k * WEIGHT_LINE + at % 4u, select(vec4<f16>(), to_half(from_weight(weight)), (k < ROW) & (k % 4u < 3u)));
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let slab = linear_group(group_id, grid);
    let block = block_of(min(slab, params.slabs - 1u));
    // A workgroup beyond the last block has nothing to do.
    let wide = select(0u, params.out_width, slab < params.slabs);
    let of_rows = part_row(lane);
    let of_columns = part_column(lane);
    let group = lane % 4u;
    // The weights stay in registers.
    var multiplied: array<MatrixB, 3u * PARTS>;
    #unroll i 3
        put_weights(i, lane);
        workgroupBarrier();
        #unroll p 2
            if p < PARTS {
                const own = min(p, PARTS - 1u);
                multiplied[i * PARTS + own] = coopLoadT<MatrixB>(&halves[own * EDGE * WEIGHT_LINE + of_columns / 4u], WEIGHT_LINE);
            }
        #end
        workgroupBarrier();
    #end
    var own = nothing_yet();
    for (var x = 0u; x < wide; x += ACROSS) {
        let above = i32(block.top) - 1;
        put_lines(lines_at(block.n, above, x, lane), above, x, lane, 1u);
        var lines = lines_at(block.n, i32(block.top), x, lane);
        for (var r = 0u; r < params.down; r += 1u) {
            let y = block.top + r;
            let turn = r % 2u;
            put_lines(lines, i32(y), x, lane, turn);
            workgroupBarrier();
            // The next row's loads are on their way while this one is multiplied.
            lines = lines_at(block.n, i32(y + 1u), x, lane);
            for (var begin = x; begin < min(x + ACROSS, params.out_width); begin += SIDE) {
                var products: MatrixSum;
                #unroll i 3
                    let line = place_of(i, turn) + (begin - x + of_rows) * 2u;
                    #unroll p 2
                        if p < PARTS {
                            const part = min(p, PARTS - 1u);
                            let a = coopLoadT<MatrixA>(&halves[line + part * (EDGE / 4u)], 2u);
                            products = coopMultiplyAdd(a, multiplied[i * PARTS + part], products);
                        }
                    #end
                #end
                coopStoreT(products, &pool[2u * (SUMS_AT + of_rows * SUM_LINE + of_columns / 4u)], 2u * SUM_LINE);
                workgroupBarrier();
                #unroll g 2
                    let beside = lane / 4u + 8u * g;
                    let value = scratch(SUMS_AT + beside * SUM_LINE + group);
                    let stored = to_value(value);
                    let inside = begin + beside < params.out_width;
                    if inside & (group < params.outputs) {
                        output[((block.n * params.out_height + y) * params.out_width + begin + beside) * params.outputs + group] = stored;
                    }
                    own = with_value(with_pivot(own, value), value, inside);
                #end
                workgroupBarrier();
            }
        }
    }
    if slab >= params.slabs {
        return;
    }
    leave_moments(lane, slab, group, own);
}
