// A depthwise convolution that walks down the rows of its block: 4 columns of one channel group at a time, each input line
// loaded once and added to the LIVE = ceil(KERNEL / STRIDE) rows of outputs that it belongs to. The oldest of them is
// complete after STRIDE lines. FLIPPED turns the filter around, which makes it the data gradient at stride 1.
// The kernel declares `params` and `weights` [kernel][kernel][channels], and defines `input_at(at)`, the input,
// `leave(at, value, ahead)`, which takes an output, and `ahead_of(at)`, what that needs of memory, loaded with the input.
fn walk(strip: Strip) {
    let channel = strip.channel;
    let channels = params.channels;
    let n = strip.slab / params.blocks;
    let top = (strip.slab % params.blocks) * params.down;
    let last_row = i32(params.in_height) - 1;
    let last_column = i32(params.in_width) - 1;
    for (var x = strip.first * 4u; x < params.out_width; x += strip.lanes * 4u) {
        let left = i32(x * STRIDE) - i32(params.pad_x);
        var sums: array<vec4<f32>, LIVE * 4u>;
        #unroll t LIVE
            #unroll o 4
                sums[t * 4u + o] = vec4<f32>(0.0);
            #end
        #end
        for (var step = 0u; step < params.down + LIVE - 1u; step += 1u) {
            // The row of outputs that this step completes, or the first.
            let complete = (n * params.out_height + top + max(step + 1u, LIVE) - LIVE) * params.out_width;
            var ahead: array<Ahead, 4>;
            #unroll o 4
                ahead[o] = ahead_of((complete + min(x + o, params.out_width - 1u)) * channels + channel);
            #end
            #unroll s STRIDE
                let row = i32((top + step) * STRIDE + s) - i32(params.pad_y);
                if row >= 0 && row <= last_row {
                    let line = (n * params.in_height + u32(row)) * params.in_width;
                    var values: array<vec4<f32>, COLUMNS>;
                    #unroll j COLUMNS
                        let column = left + i32(j);
                        let value = input_at((line + u32(clamp(column, 0, last_column))) * channels + channel);
                        values[j] = select(vec4<f32>(0.0), value, column >= 0 && column <= last_column);
                    #end
                    #unroll t LIVE
                        // Sum t is output row step + t - (LIVE - 1) of the block, which this line meets with filter row i.
                        const i = (LIVE - 1u - t) * STRIDE + s;
                        if i < KERNEL && step + t + 1u >= LIVE && step + t + 1u < params.down + LIVE {
                            #unroll j KERNEL
                                let tap = select(i * KERNEL + j, KERNEL * KERNEL - 1u - (i * KERNEL + j), FLIPPED == 1u);
                                let w = weights[tap * channels + channel];
                                #unroll o 4
                                    sums[t * 4u + o] += values[o * STRIDE + j] * w;
                                #end
                            #end
                        }
                    #end
                }
            #end
            if step + 1u >= LIVE {
                #unroll o 4
                    if x + o < params.out_width {
                        leave((complete + x + o) * channels + channel, sums[o], ahead[o]);
                    }
                #end
            }
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
