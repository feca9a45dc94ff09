// The line of an input that the filter of 4 columns of outputs meets, of a kernel that walks down it; see forward_walk.
// The kernel declares `params` and defines `input_at(pixel, channel)`.
#import convolution
#import turns

// Of row `row` of image n, for outputs from column x on. Padding is zero after normalisation and activation, and is not loaded.
fn line_at(n: u32, row: i32, x: u32, channel: u32) -> array<vec4<f32>, COLUMNS> {
    let left = i32(x * STRIDE) - i32(params.pad_x);
    var values: array<vec4<f32>, COLUMNS>;
    #unroll j COLUMNS
        values[j] = vec4<f32>(0.0);
    #end
    if row >= 0 && row < i32(params.in_height) {
        let line = (n * params.in_height + u32(row)) * params.in_width;
        #unroll j COLUMNS
            let column = left + i32(j);
            if column >= 0 && column < i32(params.in_width) {
                values[j] = input_at(line + u32(column), channel);
            }
        #end
    }
    return values;
}

alias Lines = array<array<vec4<f32>, COLUMNS>, STRIDE>;

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
