// The block of a depthwise convolution's data gradient at stride 2 that goes back through the unit before, see depthwise_behind:
// all its rows in pairs that begin where y + pad_y is even, see depthwise_gather; rows of a pair that are not the block's are left
// out. The kernel defines `meet(window, ahead, inside)`, which is shown the gradients around each tile of 2 rows of 4 columns, what
// the unit before has there, and which of the 8 are the block's.
#import depthwise_gather

fn gradient_at(at: u32) -> vec4<f32> {
    return gradient_of(at, through);
}

fn gather_block(strip: Strip) {
    let odd_x = params.pad_x % 2u;
    let odd_y = params.pad_y % 2u;
    let part = part_of(strip);
    let n = part.n;
    let top = part.top;
    let bottom = top + params.down;
    let across = (params.in_width + odd_x + 3u) / 4u;
    for (var block_y = (top + odd_y) / 2u; block_y * 2u < bottom + odd_y; block_y += 1u) {
        for (var block_x = part.first; block_x < across; block_x += params.lanes) {
            let window = window_of(n, block_y, block_x, strip.channel, params.channels);
            // A row or column before the first has wrapped around to a huge number, which the clamped ones must not show.
            let y = block_y * 2u - odd_y;
            let x = block_x * 4u - odd_x;
            let line = n * params.in_height;
            var ahead: array<Ahead, 8>;
            var inside: array<bool, 8>;
            #unroll dy 2
                #unroll dx 4
                    let at = (line + min(y + dy, bottom - 1u)) * params.in_width + min(x + dx, params.in_width - 1u);
                    ahead[dy * 4u + dx] = ahead_of(at * params.channels + strip.channel);
                    inside[dy * 4u + dx] = (y + dy >= top) & (y + dy < bottom) & (x + dx < params.in_width);
                #end
            #end
            let sums = gather(window);
            meet(window, ahead, inside);
            #unroll dy 2
                #unroll dx 4
                    const k = dy * 4u + dx;
                    let at = (line + y + dy) * params.in_width + x + dx;
                    leave(at * params.channels + strip.channel, sums[k], ahead[k], inside[k]);
                #end
            #end
        }
    }
}
