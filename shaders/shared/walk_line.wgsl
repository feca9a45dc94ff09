// The line of an input that the filter of 4 columns of outputs meets, of a kernel that walks down it; see forward_walk.
// The kernel declares `params` and defines `input_at(pixel, channel)`.
#import convolution
#import turns

alias Line = array<vec4<f32>, PIECES * PIECE>;

// Of row `row` of image n, for outputs from column x on. Padding is zero after normalisation and activation, and is not loaded.
// It is loaded in PIECES pieces of PIECE columns; what there is already, MOVED columns, moves up for each. Several pieces compile sooner and
// run a tenth longer, for the kernels that a first answer waits for. What the last has beyond COLUMNS is left out.
fn line_at(n: u32, row: i32, x: u32, channel: u32) -> Line {
    let left = i32(x * STRIDE) - i32(params.pad_x);
    let line = (n * params.in_height + u32(row)) * params.in_width;
    let end = min(left + i32(COLUMNS), i32(params.in_width));
    var values: Line;
    var column = left;
    let pieces = select(turns(PIECES), 1u, PIECES == 1u);
    for (var piece = 0u; piece < pieces; piece += 1u) {
        #unroll j MOVED
            values[j] = values[j + PIECE];
        #end
        #unroll j PIECE
            var value = vec4<f32>(0.0);
            if column >= 0 && column < end && row >= 0 && row < i32(params.in_height) {
                value = input_at(line + u32(column), channel);
            }
            values[MOVED + j] = value;
            column += 1;
        #end
    }
    return values;
}

alias Lines = array<Line, STRIDE>;

// STRIDE lines from `row` on.
fn lines_at(n: u32, row: i32, x: u32, channel: u32) -> Lines {
    var lines: Lines;
    for (var s = 0u; s < turns(STRIDE); s += 1u) {
        #unroll t STRIDE
            lines[max(t, 1u) - 1u] = lines[t];
        #end
        lines[STRIDE - 1u] = line_at(n, row + i32(s), x, channel);
    }
    return lines;
}
