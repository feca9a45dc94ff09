// The block of a depthwise convolution's data gradient at stride 2 that goes back through the unit before, see depthwise_behind:
// all its rows in pairs that begin where y + pad_y is even, see depthwise_gather; rows of a pair that are not the block's are left
// out. The kernel defines `meet(window, ahead, inside)`, which is shown the gradients around each tile of 2 rows of 4 columns, what
// the unit before has there, and which of the 8 are the block's.
#import depthwise_gather

alias Kept = RawGradient;

fn kept_at(at: u32) -> Kept {
    return raw_gradient(at);
}

fn gradient_of_kept(kept: Kept) -> vec4<f32> {
    return gradient_from(kept, through);
}

// A barrier stands behind the loads of a tile: no compiler moves loads across one, while NVIDIA's puts some where their values are wanted, and
// waits for each. So invocations that are left over go through a part as well, the first one, of which they leave nothing.
fn gather_block(strip: Strip, group: u32) {
    let odd_x = params.pad_x % 2u;
    let odd_y = params.pad_y % 2u;
    let has_own = has_part(strip);
    let part = part_of(strip, select(0u, strip.first, has_own));
    let n = part.n;
    let top = top_of(group);
    let channel = min(strip.channel, params.channels - 1u);
    let bottom = top + params.down;
    let across = (params.in_width + odd_x + 3u) / 4u;
    for (var block_y = (top + odd_y) / 2u; block_y * 2u < bottom + odd_y; block_y += 1u) {
        for (var left = 0u; left < across; left += params.lanes) {
            let block_x = left + part.first;
            let found = around(n, block_y, block_x, channel, params.channels);
            // A row or column before the first has wrapped around to a huge number, which the clamped ones must not show.
            let y = block_y * 2u - odd_y;
            let x = block_x * 4u - odd_x;
            let line = n * params.in_height;
            var arriving: array<Arriving, 8>;
            var inside: array<bool, 8>;
            #unroll dy 2
                #unroll dx 4
                    let at = (line + min(y + dy, bottom - 1u)) * params.in_width + min(x + dx, params.in_width - 1u);
                    arriving[dy * 4u + dx] = arriving_at(at * params.channels + channel);
                    inside[dy * 4u + dx] = has_own & (y + dy >= top) & (y + dy < bottom) & (x + dx < params.in_width);
                #end
            #end
            workgroupBarrier();
            var ahead: array<Ahead, 8>;
            #unroll k 8
                ahead[k] = ahead_from(arriving[k]);
            #end
            let window = window_of(found);
            let sums = gather(window);
            meet(window, ahead, inside);
            #unroll dy 2
                #unroll dx 4
                    const k = dy * 4u + dx;
                    let at = (line + y + dy) * params.in_width + x + dx;
                    leave(at * params.channels + channel, sums[k], ahead[k], inside[k]);
                #end
            #end
        }
    }
}
