// How a workgroup of 256 makes sums for `count` columns: side by side, each cut into as many pieces as there are invocations for
// it; more columns than invocations take turns.
// The kernel declares `scratch`, where the pieces meet.
const LANES = 256u;

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

// The sum of a column's pieces, for its first invocation.
fn joined(pieces_at: u32, columns: Columns) -> vec4<f32> {
    var sum = scratch[pieces_at + columns.own];
    for (var piece = 1u; piece < columns.pieces; piece += 1u) {
        sum += scratch[pieces_at + piece * columns.width + columns.own];
    }
    return sum;
}
