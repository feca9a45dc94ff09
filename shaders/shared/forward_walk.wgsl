// A convolution where loading is what takes long, as on software GPUs: an invocation walks down the rows of a block, 4 columns of one
// output group at a time, with its filter in registers, so that it loads each weight once and each input line once for all the rows of
// outputs that it belongs to, of which LIVE = ceil(KERNEL / STRIDE) are under way. A block has `params.down` rows.
// The kernel declares `params`, `bias` [outputs] and `output`, imports storage and activation, and defines `input_at(pixel, channel)`,
// `begin(channel)`, which loads the filter, `met(value, tap)`, what an input adds where it meets a tap of the filter, and `finished(sum)`.
#import grid
#import walk_line

override HAS_BIAS: bool = false;

alias Sums = array<vec4<f32>, LIVE * 4u>;

// Of the outputs of an invocation: where the first row of them begins in memory, the first column, and the channel group.
struct Place {
    line: u32,
    x: u32,
    channel: u32,
}

// Row `row` of the block is complete: sums 0 to 3. The next is the first of those under way then.
fn leave_row(place: Place, row: u32, complete: bool, start: vec4<f32>, sums: ptr<function, Sums>) {
    var done: array<vec4<f32>, 4>;
    #unroll o 4
        done[o] = (*sums)[o];
    #end
    if complete {
        let end = min(place.x + 4u, params.out_width);
        for (var x = place.x; x < end; x += 1u) {
            let at = (place.line + row * params.out_width + x) * params.outputs + place.channel;
            output[at] = to_value(finished(done[0]));
            #unroll o 3
                done[o] = done[o + 1u];
            #end
        }
    }
    #unroll t OLDER
        #unroll o 4
            (*sums)[t * 4u + o] = (*sums)[(t + 1u) * 4u + o];
        #end
    #end
    #unroll o 4
        (*sums)[OLDER * 4u + o] = start;
    #end
}

fn start_of(channel: u32) -> vec4<f32> {
    if HAS_BIAS {
        return bias[channel];
    }
    return vec4<f32>(0.0);
}

// For invocation number `thread`.
fn walk_down(thread: u32) {
    let across = (params.out_width + 3u) / 4u;
    let blocks = (params.out_height + params.down - 1u) / params.down;
    var rest = thread;
    let channel = rest % params.outputs;
    rest /= params.outputs;
    let x = (rest % across) * 4u;
    rest /= across;
    let top = (rest % blocks) * params.down;
    let n = rest / blocks;
    if n >= params.batch {
        return;
    }
    begin(channel);
    let start = start_of(channel);
    var sums: Sums;
    #unroll t LIVE
        #unroll o 4
            sums[t * 4u + o] = start;
        #end
    #end
    let first_row = i32(top * STRIDE) - i32(params.pad_y);
    let last_row = i32(params.in_height) - 1;
    let place = Place((n * params.out_height + top) * params.out_width, x, channel);
    let steps = min(params.down, params.out_height - top) + LIVE - 1u;
    // Of steps whose lines are all above the image or below it nothing comes.
    let end = min(steps, u32(last_row - first_row) / STRIDE + 1u);
    for (var step = select(0u, params.pad_y / STRIDE, top == 0u); step < end; step += 1u) {
        let lines = lines_at(n, first_row + i32(step * STRIDE), x, channel);
        #unroll s STRIDE
            let values = lines[s];
            // Sum t is row step + t - (LIVE - 1) of the block, which this line meets with filter row i.
            #unroll t LIVE
                const i = (LIVE - 1u - t) * STRIDE + s;
                if i < KERNEL {
                    #unroll j KERNEL
                        #unroll o 4
                            sums[t * 4u + o] += met(values[o * STRIDE + j], i * KERNEL + j);
                        #end
                    #end
                }
            #end
        #end
        leave_row(place, step + 1u - LIVE, step + 1u >= LIVE, start, &sums);
    }
    for (var step = end; step < steps; step += 1u) {
        leave_row(place, step + 1u - LIVE, step + 1u >= LIVE, start, &sums);
    }
}
