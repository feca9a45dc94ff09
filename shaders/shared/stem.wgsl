// The stem: a dense 3x3 convolution of stride 2 over images of three channels, which lie in memory as four. An invocation has some
// columns of one output group, which meet COLUMNS columns of each input line, and goes through the lines of its workgroup's rows.
// The kernel declares `params` and `input` [n][h][w], in units of 4 channels. Rows and columns beyond the edge are zeros, but what is
// loaded is the last that there is, so that no branch stands around a load.
#import dense_block

struct Beside {
    at: array<u32, COLUMNS>,
    there: array<bool, COLUMNS>,
}

fn beside(x: u32) -> Beside {
    let left = i32(x * STRIDE) - i32(params.pad_x);
    var columns: Beside;
    #unroll j COLUMNS
        columns.at[j] = u32(clamp(left + i32(j), 0, i32(params.in_width) - 1));
        columns.there[j] = left + i32(j) == i32(columns.at[j]);
    #end
    return columns;
}

// The line of image n that filter row i meets for output row y.
fn line_of(n: u32, y: u32, i: u32, columns: Beside) -> array<vec4<f32>, COLUMNS> {
    let row = i32(y * STRIDE + i) - i32(params.pad_y);
    let known = clamp(row, 0, i32(params.in_height) - 1);
    let line = (n * params.in_height + u32(known)) * params.in_width;
    var values: array<vec4<f32>, COLUMNS>;
    #unroll j COLUMNS
        let loaded = from_value(input[line + columns.at[j]]);
        values[j] = select(vec4<f32>(0.0), loaded, columns.there[j] & (row == known));
    #end
    return values;
}
