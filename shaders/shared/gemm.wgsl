// One tile of C = A B, see gemm_sizes. The inner dimension goes in steps of STEP. More outputs for each invocation means
// fewer loads for each multiplication; fewer mean less waste at the edges and more workgroups. Of a small tile there are several
// grids, each for its part of every step's inner dimension: gemm_groups joins what they have.
// tile_a holds A transposed, [k][row / 4], tile_b holds B, [k][column / 4]: at most 11 KiB together. `shared/matrix/gemm` does the same on
// matrix units.
//
// A matrix that is turned as it is stored (A_TURN, B_TURN, see gemm_rows and gemm_transposed) has its lines shifted, four by four:
// 8 invocations that follow one another store to lines k, k + 4, ..., a multiple of 128 bytes apart, all in the same of workgroup
// memory's 32 banks of 4 bytes, and would wait for one another. Shifted, each has banks of its own, and so have those that read a line.
#import gemm_sizes

// Of tile_a, what others may use after the product.
const SCRATCH: u32 = STEP * A_WIDTH;
const FOR_COLUMNS: u32 = 0u;

fn scratch(at: u32) -> vec4<f32> {
    return tile_a[at];
}

fn set_scratch(at: u32, value: vec4<f32>) {
    tile_a[at] = value;
}

var<workgroup> tile_a: array<vec4<f32>, STEP * A_WIDTH + STEP / 4u * A_TURN>;
var<workgroup> tile_b: array<vec4<f32>, STEP * B_WIDTH + STEP / 4u * B_TURN>;

// What is added up while a product is made, [row block][row][column block]. Its type has no name: in Metal's language arrays of one
// type and different names are of different types.
fn no_products() -> array<vec4<f32>, SUMS> {
    return array<vec4<f32>, SUMS>();
}

fn sums_of_products(lane: u32, products: ptr<function, array<vec4<f32>, SUMS>>) -> array<vec4<f32>, SUMS> {
    return *products;
}

// Matrices are multiplied as they are.
const A_SCALE: f32 = 1.0;
const B_SCALE: f32 = 1.0;

// The place of what was loaded as number `at` of a step, where the tile lies as it was read; zero where it is not `there`.
fn put_a(at: u32, value: vec4<f32>, there: bool) {
    tile_a[at] = select(vec4<f32>(0.0), value, there);
}

fn put_b(at: u32, value: vec4<f32>, there: bool) {
    tile_b[at] = select(vec4<f32>(0.0), value, there);
}

// The invocation's number in its grid.
fn own_lane(lane: u32) -> u32 {
    if K_GROUPS > 1u {
        return lane % GRID;
    }
    return lane;
}

// Where line k begins; `turn` is 0 for a matrix that lies as it was read.
fn line_at(k: u32, width: u32, turn: u32) -> u32 {
    return k * width + k / 4u * turn;
}

// Adds the product of the tiles to the invocation's sums.
// Four lines of the inner dimension at a time: where they lie is known beforehand then, and of what a GPU issues, multiplying
// takes 95 % and not 80.
fn multiply_tiles(lane: u32, sums: ptr<function, array<vec4<f32>, SUMS>>) {
    let row = own_lane(lane) / GRID_COLUMNS;
    let column = lane % GRID_COLUMNS;
    var local = *sums;
    // Where the loop begins is known when the shader is compiled, which a tenth of the time depends on, unless there are several grids.
    var first = 0u;
    if K_GROUPS > 1u {
        first = lane / GRID * 4u;
    }
    for (var k = first; k < STEP; k += 4u * K_GROUPS) {
        let own_row = line_at(k, A_WIDTH, A_TURN) + row;
        let own_column = line_at(k, B_WIDTH, B_TURN) + column;
        #unroll l 4
            var b: array<vec4<f32>, COLUMN_BLOCKS>;
            #unroll j COLUMN_BLOCKS
                b[j] = tile_b[own_column + B_WIDTH * l + GRID_COLUMNS * j];
            #end
            #unroll i ROW_BLOCKS
                let a = tile_a[own_row + A_WIDTH * l + GRID_ROWS * i];
                #unroll j COLUMN_BLOCKS
                    const at = 4u * COLUMN_BLOCKS * i + j;
                    local[at] += a.x * b[j];
                    local[at + COLUMN_BLOCKS] += a.y * b[j];
                    local[at + 2u * COLUMN_BLOCKS] += a.z * b[j];
                    local[at + 3u * COLUMN_BLOCKS] += a.w * b[j];
                #end
            #end
        #end
    }
    *sums = local;
}
