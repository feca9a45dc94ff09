// Both gradients of a depthwise convolution of stride 1, see depthwise_gradients. As in depthwise_walk the outputs' gradient is
// taken for an input, with the filter turned around. An invocation walks down the rows of its block, 4 columns of one channel
// group at a time, with the KERNEL lines of gradients that meet a row in registers: each line is loaded once.
#import depthwise_gradients

fn gather_block(strip: Strip) {
    let channel = strip.channel;
    let channels = params.channels;
    let n = strip.slab / params.blocks;
    let top = (strip.slab % params.blocks) * params.down;
    let last_row = i32(params.in_height) - 1;
    let last_column = i32(params.in_width) - 1;
    for (var x = strip.first * 4u; x < params.out_width; x += strip.lanes * 4u) {
        let left = i32(x) - i32(params.pad_x);
        // Where the columns lie in a line, and which of them there are.
        var columns: array<u32, COLUMNS>;
        var there: array<bool, COLUMNS>;
        #unroll j COLUMNS
            let column = left + i32(j);
            columns[j] = u32(clamp(column, 0, last_column)) * channels + channel;
            there[j] = (column >= 0) & (column <= last_column);
        #end
        var window: array<vec4<f32>, KERNEL * COLUMNS>;
        for (var step = 0u; step < params.down + KEPT; step += 1u) {
            // The row of inputs that this line of gradients completes, or the first.
            let complete = (n * params.out_height + top + max(step, KEPT) - KEPT) * params.out_width;
            var ahead: array<Ahead, 4>;
            #unroll o 4
                ahead[o] = ahead_of((complete + min(x + o, params.out_width - 1u)) * channels + channel);
            #end
            #unroll i KEPT
                #unroll j COLUMNS
                    window[i * COLUMNS + j] = window[(i + 1u) * COLUMNS + j];
                #end
            #end
            let row = i32(top + step) - i32(params.pad_y);
            let known = clamp(row, 0, last_row);
            let line = (n * params.in_height + u32(known)) * params.in_width * channels;
            #unroll j COLUMNS
                let value = gradient_of(line + columns[j], through);
                window[KEPT * COLUMNS + j] = select(vec4<f32>(0.0), value, there[j] & (row == known));
            #end
            var sums: array<vec4<f32>, 4>;
            var inputs: array<vec4<f32>, 4>;
            #unroll o 4
                let inside = (step >= KEPT) & (x + o < params.out_width);
                sums[o] = vec4<f32>(0.0);
                inputs[o] = select(vec4<f32>(0.0), input_of(ahead[o].raw), inside);
            #end
            #unroll i KERNEL
                #unroll j KERNEL
                    const tap = TAPS - 1u - (i * KERNEL + j);
                    let w = filter_at(tap);
                    #unroll o 4
                        sums[o] += window[i * COLUMNS + o + j] * w;
                        taps[tap] += window[i * COLUMNS + o + j] * inputs[o];
                    #end
                #end
            #end
            #unroll o 4
                let inside = (step >= KEPT) & (x + o < params.out_width);
                leave((complete + x + o) * channels + channel, sums[o], ahead[o], inside);
            #end
        }
    }
}
