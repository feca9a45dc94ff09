// A depthwise convolution that walks down the rows of its block: WIDE columns of one channel group at a time, each input line
// loaded once and added to the LIVE = ceil(KERNEL / STRIDE) rows of outputs that it belongs to. The oldest of them is
// complete after STRIDE lines. FLIPPED turns the filter around, which makes it the data gradient at stride 1.
// With EARLY a line is loaded a step before it is multiplied.
// The kernel declares `params`, imports depthwise_filters, and defines `Raw`, an input as it is kept for a step, `raw_at(at)`, which
// loads it, and `input_of(raw)`, what it is; `begin(value)`, which is shown the first of each WIDE outputs; `leave(at, value, ahead,
// inside)`, which takes an output, if it is one; and `ahead_of(at)`, what that needs of memory, loaded before the outputs are made.
#import depthwise_lines

fn walk(strip: Strip) {
    let channel = strip.channel;
    let channels = params.channels;
    let part = part_of(strip, strip.first);
    let n = part.n;
    let top = part.top;
    let first_step = select(0u, params.pad_y / STRIDE, top == 0u);
    for (var x = part.first * WIDE; x < params.out_width; x += params.lanes * WIDE) {
        let columns = beside(x, channel);
        var sums: array<vec4<f32>, LIVE * WIDE>;
        #unroll t LIVE
            #unroll o WIDE
                sums[t * WIDE + o] = vec4<f32>(0.0);
            #end
        #end
        var raws: array<Raw, STRIDE * COLUMNS>;
        if EARLY == 1u {
            #unroll s STRIDE
                let line = line_of(n, top + first_step, s);
                #unroll j COLUMNS
                    raws[s * COLUMNS + j] = raw_at(line + columns.at[j]);
                #end
            #end
        }
        // No line above the image gives anything, and where one of several to a step is below the last, it is zeros: there is no
        // branch in the loop but around what is stored, since sums that are carried around one are moved at its end.
        for (var step = first_step; step < params.down + LIVE - 1u; step += 1u) {
            // The row of outputs that this step completes, or the first.
            let complete = (n * params.out_height + top + max(step + 1u, LIVE) - LIVE) * params.out_width;
            var ahead: array<Ahead, WIDE>;
            #unroll o WIDE
                ahead[o] = ahead_of((complete + min(x + o, params.out_width - 1u)) * channels + channel);
            #end
            #unroll s STRIDE
                let there = row_of(top + step, s) == known_row(top + step, s);
                // The next step's line is on its way while this one is multiplied, where there are registers for both.
                let next = line_of(n, top + step + EARLY, s);
                if EARLY == 0u {
                    #unroll j COLUMNS
                        raws[s * COLUMNS + j] = raw_at(next + columns.at[j]);
                    #end
                }
                var values: array<vec4<f32>, COLUMNS>;
                #unroll j COLUMNS
                    let value = input_of(raws[s * COLUMNS + j]);
                    values[j] = select(vec4<f32>(0.0), value, columns.there[j] & there);
                    if EARLY == 1u {
                        raws[s * COLUMNS + j] = raw_at(next + columns.at[j]);
                    }
                #end
                // Sum t is output row step + t - (LIVE - 1) of the block, which this line meets with filter row i. Those of rows
                // that are not the block's are never left.
                #unroll t LIVE
                    const i = (LIVE - 1u - t) * STRIDE + s;
                    if i < KERNEL {
                        #unroll j KERNEL
                            const tap = i * KERNEL + j;
                            let w = filter_at(select(tap, KERNEL * KERNEL - 1u - tap, FLIPPED == 1u));
                            #unroll o WIDE
                                sums[t * WIDE + o] += values[o * STRIDE + j] * w;
                            #end
                        #end
                    }
                #end
            #end
            begin(sums[0]);
            #unroll o WIDE
                let left = (step + 1u >= LIVE) & (x + o < params.out_width);
                leave((complete + x + o) * channels + channel, sums[o], ahead[o], left);
            #end
            #unroll t OLDER
                #unroll o WIDE
                    sums[t * WIDE + o] = sums[(t + 1u) * WIDE + o];
                #end
            #end
            #unroll o WIDE
                sums[OLDER * WIDE + o] = vec4<f32>(0.0);
            #end
        }
    }
}
