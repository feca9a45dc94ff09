// How a workgroup of 256 makes sums for `count` columns: side by side, each cut into as many pieces as there are invocations for
// it; more columns than invocations take turns. It does so for IMAGES images.
// The kernel declares `params` and `scratch`, where the pieces of an image meet from `pieces_at` on.
const LANES = 256u;

var<private> image: array<u32, IMAGES>;

// The workgroup's images; beyond the last that one is made once more.
fn pick_images(first: u32) {
    #unroll m IMAGES
        image[m] = min(first + m, params.images - 1u);
    #end
}

// Columns at a time.
fn at_once(count: u32) -> u32 {
    return min(count, LANES);
}

struct Columns {
    // Columns at a time, the invocation's own among them, and its piece of that.
    width: u32,
    own: u32,
    pieces: u32,
    piece: u32,
}

fn columns_of(lane: u32, count: u32) -> Columns {
    let width = at_once(count);
    let pieces = LANES / width;
    // Invocations that are left over take columns beyond the last.
    let own = select(lane % width, count, lane >= width * pieces);
    return Columns(width, own, pieces, lane / width);
}

fn leave_pieces(lane: u32, sums: array<vec4<f32>, IMAGES>) {
    var local = sums;
    #unroll m IMAGES
        scratch[params.pieces_at + image[m] * LANES + lane] = local[m];
    #end
}

// The sum of a column's pieces in an image, for the column's first invocation.
fn joined(of_image: u32, columns: Columns) -> vec4<f32> {
    let pieces_at = params.pieces_at + of_image * LANES;
    var sum = scratch[pieces_at + columns.own];
    for (var piece = 1u; piece < columns.pieces; piece += 1u) {
        sum += scratch[pieces_at + piece * columns.width + columns.own];
    }
    return sum;
}
