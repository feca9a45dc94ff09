// A small tile of a product, ROWS rows of COLUMNS vec4, by 64 invocations that share its inner dimension: each takes every
// SLICES-th vec4 of it for all rows of one column, AT_ONCE at a time. Where there are few tiles, a step of the other products takes
// as long as memory takes to answer, and here there are few steps.
// The kernel defines what gemm_rows asks for, and `weights_at(k4, column)`, 4 x 4 weights as columns of outputs, zero beyond the
// last k4.
const SLICES: u32 = 64u / COLUMNS;
const OUTPUTS: u32 = ROWS * COLUMNS;
const PARTS: u32 = 64u / OUTPUTS;
const_assert PARTS == 2u;
// As in shared/gemm.
const A_SCALE: f32 = 1.0;

var<workgroup> of_slices: array<vec4<f32>, 64u * ROWS>;

// Invocations below OUTPUTS get the sum of row lane / COLUMNS, column lane % COLUMNS of the tile, the others that of another.
fn split_product(lane: u32, first_row: u32, first_column: u32, inner: u32) -> vec4<f32> {
    var lines: array<Line, ROWS>;
    var sums: array<vec4<f32>, ROWS>;
    #unroll r ROWS
        lines[r] = line_of(first_row + r);
        sums[r] = vec4<f32>(0.0);
    #end
    let column = first_column + lane % COLUMNS;
    for (var k4 = lane / COLUMNS; k4 < inner; k4 += AT_ONCE * SLICES) {
        var a: array<vec4<f32>, AT_ONCE * ROWS>;
        var w: array<mat4x4<f32>, AT_ONCE>;
        #unroll u AT_ONCE
            let own = k4 + SLICES * u;
            let of_column = of_column_at(own);
            w[u] = weights_at(own, column);
            #unroll r ROWS
                a[u * ROWS + r] = a_of(raw_at(lines[r], own), lines[r], own, of_column);
            #end
        #end
        #unroll u AT_ONCE
            #unroll r ROWS
                sums[r] += w[u] * a[u * ROWS + r];
            #end
        #end
    }
    #unroll r ROWS
        of_slices[r * 64u + lane] = sums[r];
    #end
    workgroupBarrier();
    let output = lane % OUTPUTS;
    let first = output / COLUMNS * 64u + lane / OUTPUTS * (64u / PARTS) + output % COLUMNS;
    var sum = of_slices[first];
    for (var slice = 1u; slice < SLICES / PARTS; slice += 1u) {
        sum += of_slices[first + slice * COLUMNS];
    }
    workgroupBarrier();
    of_slices[lane] = sum;
    workgroupBarrier();
    return of_slices[output] + of_slices[output + OUTPUTS];
}
