// As shared/gemm, on a device's matrix units: 16 bits are multiplied and 32 added up. A subgroup makes MATRIX_ROWS x MATRIX_COLUMNS matrices
// of EDGE x EDGE; what comes of them goes through workgroup memory to the invocations that have it in shared/gemm, so that all that follows
// a product is the same.
// Half precision has few small numbers, and gradients are small: the first matrix is taken times A_SCALE, 2^A_SHIFT, the second times B_SCALE,
// and the sums are divided by both. What is beyond the largest then is cut off.
#import matrix
#import gemm_sizes
#import pool_sums

const LANES: u32 = EDGE * EDGE / 8u;
const BLOCK_ROWS: u32 = EDGE * MATRIX_ROWS;
const BLOCK_COLUMNS: u32 = EDGE * MATRIX_COLUMNS;
// Blocks of subgroups beside one another.
const BLOCKS_ACROSS: u32 = 4u * B_WIDTH / BLOCK_COLUMNS;
const_assert BLOCKS_ACROSS * BLOCK_COLUMNS == 4u * B_WIDTH;
const_assert TILE_ROWS / BLOCK_ROWS * BLOCK_ROWS == TILE_ROWS && TILE_ROWS / BLOCK_ROWS * BLOCKS_ACROSS * LANES == INVOCATIONS;
const_assert K_GROUPS == 1u && STEP % EDGE == 0u;

// A matrix that was read along the inner dimension (A_TURN, B_TURN) has its lines along it, others across: the units take both. 16 bytes
// between lines give 8 that follow one another banks of their own.
const LINE_GAP: u32 = 2u;
const A_ALONG: u32 = min(A_TURN, 1u);
const B_ALONG: u32 = min(B_TURN, 1u);
const A_LINE: u32 = A_ALONG * (STEP / 4u) + (1u - A_ALONG) * A_WIDTH + LINE_GAP;
const B_LINE: u32 = B_ALONG * (STEP / 4u) + (1u - B_ALONG) * B_WIDTH + LINE_GAP;
const A_LINES: u32 = A_ALONG * TILE_ROWS + (1u - A_ALONG) * STEP;
const B_LINES: u32 = B_ALONG * 4u * B_WIDTH + (1u - B_ALONG) * STEP;
const B_AT: u32 = A_LINE * A_LINES;
const HALVES: u32 = B_AT + B_LINE * B_LINES;

// Rows of matrices of every subgroup on their way to the invocations, in TURNS turns: of MATRICES_AT_ONCE rows of matrices of every
// BLOCK_TURNS'th row of subgroups.
const SUM_LINE: u32 = B_WIDTH + 1u;
const SCRATCH: u32 = TILE_ROWS / TURNS * SUM_LINE;
const MATRICES_AT_ONCE: u32 = max(MATRIX_ROWS / TURNS, 1u);
const BLOCK_TURNS: u32 = max(TURNS / MATRIX_ROWS, 1u);
const_assert MATRICES_AT_ONCE * TURNS == MATRIX_ROWS * BLOCK_TURNS && TILE_ROWS / BLOCK_ROWS % BLOCK_TURNS == 0u;

// What gemm_columns takes.
const FOR_COLUMNS: u32 = (GRID_ROWS + 4u) * B_WIDTH;

// One memory for both, 8 bytes at a time: four halves of a matrix, or two of a sum's. NVIDIA's Vulkan has 48 KiB on a processor for all its
// workgroups, so that what one takes decides how many there are. `halves` lies in the place of `pool`, see `recorded::aliases`.
var<workgroup> pool: array<vec2<f32>, max(HALVES, 2u * max(SCRATCH, FOR_COLUMNS))>;
var<workgroup> halves: array<vec4<f16>, HALVES>;

const A_SCALE: f32 = f32(1u << A_SHIFT);
const B_SCALE: f32 = f32(1u << B_SHIFT);

alias Products = array<MatrixSum, MATRIX_ROWS * MATRIX_COLUMNS>;

fn no_products() -> Products {
    return Products();
}

// Cutting off takes as many instructions as half of all else that is done to a value, so that it is done where a matrix is taken times
// something alone, and once for all to weights. Activations are too large only in a network that has diverged: the infinity shows.
fn half_of(value: vec4<f32>, shift: u32) -> vec4<f16> {
    if shift == 0u {
        return vec4<f16>(value);
    }
    return to_half(value);
}

// Vec4 `place` of line `line`.
fn put_a_in(line: u32, place: u32, value: vec4<f32>) {
    halves[line * A_LINE + place] = half_of(value, A_SHIFT);
}

// As in shared/gemm.
fn put_a(at: u32, value: vec4<f32>, there: bool) {
    halves[at / A_WIDTH * A_LINE + at % A_WIDTH] = select(vec4<f16>(), half_of(value, A_SHIFT), there);
}

fn put_b(at: u32, value: vec4<f32>, there: bool) {
    halves[B_AT + at / B_WIDTH * B_LINE + at % B_WIDTH] = select(vec4<f16>(), half_of(value, B_SHIFT), there);
}

// 8 halves for the two vec4 from `place` of line `line` on, as they lie in memory; B_SHIFT is 0.
fn put_b_unit(line: u32, place: u32, unit: vec4<f32>) {
    let at = B_AT + line * B_LINE + place;
    pool[at] = unit.xy;
    pool[at + 1u] = unit.zw;
}

// Subgroups have invocations that follow one another.
fn multiply_tiles(lane: u32, products: ptr<function, Products>) {
    let block = lane / LANES;
    let row = block / BLOCKS_ACROSS * BLOCK_ROWS;
    let column = block % BLOCKS_ACROSS * BLOCK_COLUMNS;
    for (var k = 0u; k < STEP; k += EDGE) {
        var b: array<MatrixB, MATRIX_COLUMNS>;
        #unroll j MATRIX_COLUMNS
            let of_column = column + EDGE * j;
            if B_ALONG == 1u {
                b[j] = coopLoad<MatrixB>(&halves[B_AT + of_column * B_LINE + k / 4u], B_LINE);
            } else {
                b[j] = coopLoadT<MatrixB>(&halves[B_AT + k * B_LINE + of_column / 4u], B_LINE);
            }
        #end
        #unroll i MATRIX_ROWS
            let of_row = row + EDGE * i;
            var a: MatrixA;
            if A_ALONG == 1u {
                a = coopLoadT<MatrixA>(&halves[of_row * A_LINE + k / 4u], A_LINE);
            } else {
                a = coopLoad<MatrixA>(&halves[k * A_LINE + of_row / 4u], A_LINE);
            }
            #unroll j MATRIX_COLUMNS
                const at = MATRIX_COLUMNS * i + j;
                (*products)[at] = coopMultiplyAdd(a, b[j], (*products)[at]);
            #end
        #end
    }
}

// [row block][row][column block].
fn sums_of_products(lane: u32, products: ptr<function, Products>) -> array<vec4<f32>, SUMS> {
    let block = lane / LANES;
    let block_row = block / BLOCKS_ACROSS;
    let line = block_row / BLOCK_TURNS * (EDGE * MATRICES_AT_ONCE);
    let column = block % BLOCKS_ACROSS * (BLOCK_COLUMNS / 4u);
    let own_row = lane / GRID_COLUMNS * 4u;
    let own_column = lane % GRID_COLUMNS;
    const unscaled = 1.0 / (A_SCALE * B_SCALE);
    var sums: array<vec4<f32>, SUMS>;
    #unroll t TURNS
        if t > 0u {
            workgroupBarrier();
        }
        if block_row % BLOCK_TURNS == t % BLOCK_TURNS {
            #unroll m MATRIX_ROWS
                if m / MATRICES_AT_ONCE == t / BLOCK_TURNS {
                    let first = (line + EDGE * (m % MATRICES_AT_ONCE)) * SUM_LINE + column;
                    #unroll j MATRIX_COLUMNS
                        coopStoreT((*products)[MATRIX_COLUMNS * m + j], &pool[2u * (first + EDGE / 4u * j)], 2u * SUM_LINE);
                    #end
                }
            #end
        }
        workgroupBarrier();
        #unroll i ROW_BLOCKS
            let row = own_row + ROWS_APART * i;
            let matrix = row / EDGE % MATRIX_ROWS;
            let own_block = row / BLOCK_ROWS;
            if TURNS == 1u || (matrix / MATRICES_AT_ONCE == t / BLOCK_TURNS && own_block % BLOCK_TURNS == t % BLOCK_TURNS) {
                let of_subgroup = own_block / BLOCK_TURNS * MATRICES_AT_ONCE + matrix % MATRICES_AT_ONCE;
                let first = (of_subgroup * EDGE + row % EDGE) * SUM_LINE + own_column;
                #unroll r 4
                    #unroll j COLUMN_BLOCKS
                        sums[(4u * i + r) * COLUMN_BLOCKS + j] = scratch(first + SUM_LINE * r + GRID_COLUMNS * j) * unscaled;
                    #end
                #end
            }
        #end
    #end
    return sums;
}
