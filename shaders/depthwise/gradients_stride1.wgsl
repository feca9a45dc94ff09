// Both gradients of a depthwise convolution of stride 1, see depthwise_gradients. As in depthwise_walk the outputs' gradient is
// taken for an input, with the filter turned around. An invocation walks down the rows of its block, 4 columns of one channel
// group at a time, with the KERNEL lines of gradients that meet a row in registers: each line is loaded once.
#import depthwise_gradients
#import depthwise_lines

fn gather_block(strip: Strip, group: u32) {
    if !has_part(strip) {
        return;
    }
    let channel = strip.channel;
    let channels = params.channels;
    let part = part_of(strip, strip.first);
    let n = part.n;
    let top = part.top;
    for (var x = part.first * 4u; x < params.out_width; x += params.lanes * 4u) {
        let columns = beside(x, channel);
        var window: array<vec4<f32>, KERNEL * COLUMNS>;
        var raws: array<RawGradient, COLUMNS>;
        let first = line_of(n, top, 0u);
        #unroll j COLUMNS
            raws[j] = raw_gradient(first + columns.at[j]);
        #end
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
            let there = row_of(top + step, 0u) == known_row(top + step, 0u);
            // The next line is on its way while this one is multiplied.
            let next = line_of(n, top + step + 1u, 0u);
            #unroll j COLUMNS
                let value = gradient_from(raws[j], through);
                window[KEPT * COLUMNS + j] = select(vec4<f32>(0.0), value, columns.there[j] & there);
                raws[j] = raw_gradient(next + columns.at[j]);
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
