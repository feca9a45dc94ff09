// A depthwise convolution that walks down the rows of its block: 4 columns of one channel group at a time, each input line
// loaded once and added to the LIVE = ceil(KERNEL / STRIDE) rows of outputs that it belongs to. The oldest of them is
// complete after STRIDE lines. FLIPPED turns the filter around, which makes it the data gradient at stride 1.
// The kernel declares `params`, imports depthwise_filters, and defines `input_at(at)`, the input; `begin(value)`, which is shown the
// first of each 4 outputs; `leave(at, value, ahead, inside)`, which takes an output, if it is one; and `ahead_of(at)`, what that
// needs of memory, loaded with the input.
fn walk(strip: Strip) {
    let channel = strip.channel;
    let channels = params.channels;
    let n = strip.slab / params.blocks;
    let top = (strip.slab % params.blocks) * params.down;
    let last_row = i32(params.in_height) - 1;
    let last_column = i32(params.in_width) - 1;
    let first_step = select(0u, params.pad_y / STRIDE, top == 0u);
    for (var x = strip.first * 4u; x < params.out_width; x += strip.lanes * 4u) {
        let left = i32(x * STRIDE) - i32(params.pad_x);
        // Where the columns lie in a line, and which of them there are.
        var columns: array<u32, COLUMNS>;
        var inside: array<bool, COLUMNS>;
        #unroll j COLUMNS
            let column = left + i32(j);
            columns[j] = u32(clamp(column, 0, last_column)) * channels + channel;
            inside[j] = (column >= 0) & (column <= last_column);
        #end
        var sums: array<vec4<f32>, LIVE * 4u>;
        #unroll t LIVE
            #unroll o 4
                sums[t * 4u + o] = vec4<f32>(0.0);
            #end
        #end
        // No line above the image gives anything, and where one of several to a step is below the last, it is zeros: there is no
        // branch in the loop but around what is stored, since sums that are carried around one are moved at its end.
        for (var step = first_step; step < params.down + LIVE - 1u; step += 1u) {
            // The row of outputs that this step completes, or the first.
            let complete = (n * params.out_height + top + max(step + 1u, LIVE) - LIVE) * params.out_width;
            var ahead: array<Ahead, 4>;
            #unroll o 4
                ahead[o] = ahead_of((complete + min(x + o, params.out_width - 1u)) * channels + channel);
            #end
            #unroll s STRIDE
                let row = i32((top + step) * STRIDE + s) - i32(params.pad_y);
                let known = clamp(row, 0, last_row);
                let line = (n * params.in_height + u32(known)) * params.in_width * channels;
                var values: array<vec4<f32>, COLUMNS>;
                #unroll j COLUMNS
                    let value = input_at(line + columns[j]);
                    values[j] = select(vec4<f32>(0.0), value, inside[j] & (row == known));
                #end
                // Sum t is output row step + t - (LIVE - 1) of the block, which this line meets with filter row i. Those of rows
                // that are not the block's are never left.
                #unroll t LIVE
                    const i = (LIVE - 1u - t) * STRIDE + s;
                    if i < KERNEL {
                        #unroll j KERNEL
                            const tap = i * KERNEL + j;
                            let w = filter_at(select(tap, KERNEL * KERNEL - 1u - tap, FLIPPED == 1u));
                            #unroll o 4
                                sums[t * 4u + o] += values[o * STRIDE + j] * w;
                            #end
                        #end
                    }
                #end
            #end
            begin(sums[0]);
            #unroll o 4
                let left = (step + 1u >= LIVE) & (x + o < params.out_width);
                leave((complete + x + o) * channels + channel, sums[o], ahead[o], left);
            #end
            #unroll t OLDER
                #unroll o 4
                    sums[t * 4u + o] = sums[(t + 1u) * 4u + o];
                #end
            #end
            #unroll o 4
                sums[OLDER * 4u + o] = vec4<f32>(0.0);
            #end
        }
    }
}
