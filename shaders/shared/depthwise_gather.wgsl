// The tile of 2 rows of WIDE columns, PAIRS pairs of them and CELLS in all, of a depthwise convolution's data gradient at stride 2, as a gather: it begins where
// y + pad_y and x + pad_x are even, so the taps that meet an input are known when the shader is compiled, even ones for even
// rows and odd ones for odd rows, and all meet one small window of gradients.
// The kernel declares `params` with the sizes and `weights`, and defines `Kept`, the gradient of an output as it lies in memory,
// `kept_at(at)`, which loads it, and `gradient_of_kept(kept)`, what it is.

// Row r and column q are the outputs (base_y - r, base_x + PAIRS - 1 - q).
alias Window = array<vec4<f32>, WINDOW_ROWS * WINDOW_COLUMNS>;

// The gradients as they are loaded, and which of them there are.
struct Around {
    kept: array<Kept, WINDOW_ROWS * WINDOW_COLUMNS>,
    there: array<bool, WINDOW_ROWS * WINDOW_COLUMNS>,
}

fn around(n: u32, block_y: u32, block_x: u32, channel: u32, channels: u32) -> Around {
    let base_y = i32(block_y + params.pad_y / 2u);
    let base_x = i32(block_x * PAIRS + params.pad_x / 2u);
    let last_row = i32(params.out_height) - 1;
    let last_column = i32(params.out_width) - 1;
    var columns: array<u32, WINDOW_COLUMNS>;
    var there: array<bool, WINDOW_COLUMNS>;
    #unroll q WINDOW_COLUMNS
        let column = base_x + i32(PAIRS - 1u) - i32(q);
        columns[q] = u32(clamp(column, 0, last_column)) * channels + channel;
        there[q] = (column >= 0) & (column <= last_column);
    #end
    var found: Around;
    #unroll r WINDOW_ROWS
        let row = base_y - i32(r);
        let known = clamp(row, 0, last_row);
        let line = (n * params.out_height + u32(known)) * params.out_width * channels;
        #unroll q WINDOW_COLUMNS
            found.kept[r * WINDOW_COLUMNS + q] = kept_at(line + columns[q]);
            found.there[r * WINDOW_COLUMNS + q] = there[q] & (row == known);
        #end
    #end
    return found;
}

fn window_of(found: Around) -> Window {
    var window: Window;
    #unroll r WINDOW_ROWS
        #unroll q WINDOW_COLUMNS
            const at = r * WINDOW_COLUMNS + q;
            window[at] = select(vec4<f32>(0.0), gradient_of_kept(found.kept[at]), found.there[at]);
        #end
    #end
    return window;
}

fn gather(window: Window) -> array<vec4<f32>, CELLS> {
    var sums: array<vec4<f32>, CELLS>;
    for (var k = 0u; k < CELLS; k += 1u) {
        sums[k] = vec4<f32>(0.0);
    }
    #unroll i KERNEL
        #unroll j KERNEL
            let w = filter_at(i * KERNEL + j);
            // Column j % 2 of each pair, of row i % 2.
            #unroll pair PAIRS
                let at = (i / 2u) * WINDOW_COLUMNS + (PAIRS - 1u) - pair + j / 2u;
                sums[(i % 2u) * WIDE + j % 2u + 2u * pair] += window[at] * w;
            #end
        #end
    #end
    return sums;
}
