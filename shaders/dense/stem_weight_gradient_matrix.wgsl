// As dense/stem_weight_gradient, on a device's matrix units, see stem_blocks: the gradient of the stem with respect to its weights, of each
// block of rows s partial[s][i][j][c][o], for the fourth c zero; for the gradient see gradient_operand. 16 bits are multiplied as in
// shared/matrix/gemm.
#import storage
#import matrix
#import grid
#import stem_blocks
#import gradient_operand

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> output: array<Value>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

// Behind the lines of the input the gradients of ACROSS outputs, with the gap of shared/matrix/gemm.
const GRADIENT_LINE: u32 = 6u;
const HALVES: u32 = LINES_HALVES + ACROSS * GRADIENT_LINE;
// At the end there are the sums of a filter row.
const SUM_LINE: u32 = 5u;
const POOL: u32 = max(HALVES, 2u * SIDE * SUM_LINE);
const_assert LINES_HALVES % 2u == 0u;

// Gradients are taken times as much.
const LARGER: f32 = f32(1u << SHIFT);
// Lines of an invocation are 8 apart.
const_assert GRADIENTS * 8u == ACROSS;

alias Gradients = array<RawGradient, GRADIENTS>;

fn gradients_at(n: u32, y: u32, x: u32, lane: u32) -> Gradients {
    let row = (n * params.out_height + min(y, params.out_height - 1u)) * params.out_width;
    var gradients: Gradients;
    #unroll h GRADIENTS
        let column = min(x + lane / 4u + 8u * h, params.out_width - 1u);
        gradients[h] = raw_gradient((row + column) * params.outputs + min(lane % 4u, params.outputs - 1u));
    #end
    return gradients;
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
    let through = through_times(through_of(min(group, params.outputs - 1u), params.outputs), LARGER);
    // Of a filter row its numbers by the outputs.
    var of_weights: array<MatrixSum, 3>;
    for (var x = 0u; x < wide; x += ACROSS) {
        let above = i32(block.top) - 1;
        put_lines(lines_at(block.n, above, x, lane), above, x, lane, 1u);
        var lines = lines_at(block.n, i32(block.top), x, lane);
        var gradients = gradients_at(block.n, block.top, x, lane);
        let columns = min(ACROSS, params.out_width - x);
        for (var r = 0u; r < params.down; r += 1u) {
            let y = block.top + r;
            let turn = r % 2u;
            put_lines(lines, i32(y), x, lane, turn);
            #unroll h GRADIENTS
                let column = lane / 4u + 8u * h;
                let gradient = gradient_times(gradients[h], through, LARGER);
                put(LINES_HALVES + column * GRADIENT_LINE + group, select(vec4<f16>(), to_half(gradient), column < columns));
            #end
            workgroupBarrier();
            // The next row's loads are on their way while this one is multiplied.
            lines = lines_at(block.n, i32(y + 1u), x, lane);
            gradients = gradients_at(block.n, y + 1u, x, lane);
            for (var column = 0u; column < columns; column += EDGE) {
                let b = coopLoadT<MatrixB>(&halves[LINES_HALVES + column * GRADIENT_LINE + of_columns / 4u], GRADIENT_LINE);
                #unroll i 3
                    let a = coopLoad<MatrixA>(&halves[place_of(i, turn) + 2u * column + of_rows / 4u], 2u);
                    of_weights[i] = coopMultiplyAdd(a, b, of_weights[i]);
                #end
            }
            workgroupBarrier();
        }
    }
    if slab >= params.slabs {
        return;
    }
    #unroll i 3
        coopStoreT(of_weights[i], &pool[2u * (of_rows * SUM_LINE + of_columns / 4u)], 2u * SUM_LINE);
        workgroupBarrier();
        #unroll h 2
            let k = lane / 4u + 8u * h;
            if k < ROW && group < params.outputs {
                let sum = scratch(k * SUM_LINE + group) / LARGER;
                partial[((slab * 3u + i) * ROW + k) * params.outputs + group] = select(vec4<f32>(0.0), sum, k % 4u < 3u);
            }
        #end
        workgroupBarrier();
    #end
}
