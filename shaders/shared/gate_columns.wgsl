// How a workgroup of 256 makes sums for `count` columns: side by side, each cut into as many pieces as there are invocations for
// it; more columns than invocations take turns. It does so for IMAGES images.
// The kernel declares `params`; where the pieces of a column meet is up to `leave_pieces` and `joined`, see gate_pieces.
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
