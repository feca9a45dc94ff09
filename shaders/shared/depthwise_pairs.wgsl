// The block of a depthwise convolution's data gradient at stride 2 that goes back through the unit before, see depthwise_behind:
// all its rows in pairs that begin where y + pad_y is even, see depthwise_gather; rows of a pair that are not the block's are left
// out. The kernel defines `meet(window, ahead, inside)`, which is shown the gradients around each tile of 2 rows of WIDE columns, what
// the unit before has there, and which of the CELLS are the block's.
#import depthwise_gather

alias Kept = RawGradient;

fn kept_at(at: u32) -> Kept {
    return raw_gradient(at);
}

fn gradient_of_kept(kept: Kept) -> vec4<f32> {
    return gradient_from(kept, through);
}

// With BARRIER one stands behind the loads of a tile: no compiler moves loads across it, while NVIDIA's puts some where their values are wanted,
// and waits for each. All that is loaded is in registers then, for which kernels of few have no room with a filter of 5x5. So that all
// invocations come to it those that are left over go through a part as well, the first one, of which they leave nothing.
fn gather_block(strip: Strip, group: u32) {
    let odd_x = params.pad_x % 2u;
    let odd_y = params.pad_y % 2u;
    let has_own = has_part(strip);
    let part = part_of(strip, select(0u, strip.first, has_own));
    let n = part.n;
    let top = top_of(group);
    let channel = min(strip.channel, params.channels - 1u);
    let bottom = top + params.down;
    let across = (params.in_width + odd_x + WIDE - 1u) / WIDE;
    for (var block_y = (top + odd_y) / 2u; block_y * 2u < bottom + odd_y; block_y += 1u) {
        for (var left = 0u; left < across; left += params.lanes) {
            let block_x = left + part.first;
            let found = around(n, block_y, block_x, channel, params.channels);
            // A row or column before the first has wrapped around to a huge number, which the clamped ones must not show.
            let y = block_y * 2u - odd_y;
            let x = block_x * WIDE - odd_x;
            let line = n * params.in_height;
            var arriving: array<Arriving, CELLS>;
            var inside: array<bool, CELLS>;
            #unroll dy 2
                #unroll dx WIDE
                    let at = (line + min(y + dy, bottom - 1u)) * params.in_width + min(x + dx, params.in_width - 1u);
                    arriving[dy * WIDE + dx] = arriving_at(at * params.channels + channel);
                    inside[dy * WIDE + dx] = has_own & (y + dy >= top) & (y + dy < bottom) & (x + dx < params.in_width);
                #end
            #end
            if BARRIER == 1u {
                workgroupBarrier();
            }
            var ahead: array<Ahead, CELLS>;
            #unroll k CELLS
                ahead[k] = ahead_from(arriving[k]);
            #end
            let window = window_of(found);
            let sums = gather(window);
            meet(window, ahead, inside);
            #unroll dy 2
                #unroll dx WIDE
                    const k = dy * WIDE + dx;
                    let at = (line + y + dy) * params.in_width + x + dx;
                    leave(at * params.channels + channel, sums[k], ahead[k], inside[k]);
                #end
            #end
        }
    }
}
