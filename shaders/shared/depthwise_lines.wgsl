// Where a depthwise kernel that walks down the rows of its block finds its input, see depthwise_walk and
// depthwise/gradients_stride1. The kernel declares `params`. Rows and columns beyond the edge are the last that there is, so that no
// branch stands around a load.

// The columns that an invocation's outputs need: where they lie in a line, and which of them there are.
struct Beside {
    at: array<u32, COLUMNS>,
    there: array<bool, COLUMNS>,
}

fn beside(x: u32, channel: u32) -> Beside {
    let left = i32(x * STRIDE) - i32(params.pad_x);
    let last = i32(params.in_width) - 1;
    var columns: Beside;
    #unroll j COLUMNS
        let column = left + i32(j);
        columns.at[j] = u32(clamp(column, 0, last)) * params.channels + channel;
        columns.there[j] = (column >= 0) & (column <= last);
    #end
    return columns;
}

// The row that step `step` of an image meets with filter row s.
fn row_of(step: u32, s: u32) -> i32 {
    return i32(step * STRIDE + s) - i32(params.pad_y);
}

fn known_row(step: u32, s: u32) -> i32 {
    return clamp(row_of(step, s), 0, i32(params.in_height) - 1);
}

// Where that line begins, in image n.
fn line_of(n: u32, step: u32, s: u32) -> u32 {
    return (n * params.in_height + u32(known_row(step, s))) * params.in_width * params.channels;
}
