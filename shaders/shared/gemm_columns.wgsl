// Sums over the rows of a tile, for what a product leaves beside its output. In two steps, so that no invocation adds up much;
// uses its scratch memory, after the product.
const PARTS: u32 = 4u;
const PART_ROWS: u32 = GRID_ROWS / PARTS;
const PARTS_AT: u32 = GRID_ROWS * B_WIDTH;
const_assert PARTS * B_WIDTH <= INVOCATIONS && PARTS_AT + PARTS * B_WIDTH <= max(SCRATCH, FOR_COLUMNS);

// Of each column block of an invocation.
alias OfColumns = array<vec4<f32>, COLUMN_BLOCKS>;

// What each invocation has of its columns, added up: the sum of column i goes to invocation i, the others get nothing of use.
fn add_down(lane: u32, values: OfColumns) -> vec4<f32> {
    let first = (lane / GRID_COLUMNS) * B_WIDTH + lane % GRID_COLUMNS;
    workgroupBarrier();
    #unroll j COLUMN_BLOCKS
        set_scratch(first + GRID_COLUMNS * j, values[j]);
    #end
    workgroupBarrier();
    if lane < PARTS * B_WIDTH {
        let top = (lane / B_WIDTH) * PART_ROWS * B_WIDTH + lane % B_WIDTH;
        var part = scratch(top);
        for (var row = 1u; row < PART_ROWS; row += 1u) {
            part += scratch(top + row * B_WIDTH);
        }
        set_scratch(PARTS_AT + lane, part);
    }
    workgroupBarrier();
    let own = PARTS_AT + lane % B_WIDTH;
    return scratch(own) + scratch(own + B_WIDTH) + scratch(own + 2u * B_WIDTH) + scratch(own + 3u * B_WIDTH);
}

// What invocation i has for column i, given to all that have part of the column.
fn spread(lane: u32, value: vec4<f32>) -> OfColumns {
    if lane < B_WIDTH {
        set_scratch(lane, value);
    }
    workgroupBarrier();
    var values: OfColumns;
    #unroll j COLUMN_BLOCKS
        values[j] = scratch(lane % GRID_COLUMNS + GRID_COLUMNS * j);
    #end
    return values;
}
