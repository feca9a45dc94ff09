// A depthwise convolution of small images on a device's matrix units, see depthwise_image: what a tap adds to SIDE positions of SIDE channels
// is the product of as many positions of the input and of a matrix that has the channels' weights along its diagonal. Those of all taps stay
// in registers. Most of what the units multiply is zero; but multiplying takes few instructions, and each value is made once.
// A workgroup goes through the images of a slab, each of its teams makes SIDE positions of the outputs of each.
// The kernel declares `params`, of which `width` is the images of a slab, and `weights`, and defines:
// - Raw, raw_at(at), value_of(raw): what lies in memory of an input, and what is multiplied;
// - weight_of(weight): the same of four weights; FLIPPED, 1 where the filter is turned around;
// - Before, before_at(at), leave_value(at, value, before, inside): what is made of an output, and what that needs of memory.
#import depthwise_image

// Room for PIXELS positions of the input; an invocation has LOADS of those that are not zero.
const HALVES: u32 = PIXELS * LINE;
// Sums of each team's positions lie behind them.
const SUMS_AT: u32 = (HALVES + 1u) / 2u;
const SUM_LINE: u32 = 5u;
const OWN_SUMS: u32 = SIDE * SUM_LINE;
const POOL: u32 = 2u * max(SUMS_AT + TEAMS * OWN_SUMS, 3u * INVOCATIONS);
const TAPS: u32 = KERNEL * KERNEL;
const_assert KERNEL * SIDE * LINE <= HALVES;

alias Loads = array<Raw, LOADS>;

struct Place {
    slab: u32,
    strip: u32,
    // The invocation's channel group, or the last that there is, and whether it is its own.
    channel: u32,
    own: bool,
}

fn place_of(group: u32, lane: u32) -> Place {
    let strips = (params.outputs + 3u) / 4u;
    let wanted = group % strips * 4u + lane % 4u;
    return Place(group / strips, group % strips, min(wanted, params.outputs - 1u), wanted < params.outputs);
}

fn loads_at(image: u32, channel: u32, lane: u32) -> Loads {
    let n = min(image, params.batch - 1u);
    let pixels = params.in_height * params.in_width;
    var loads: Loads;
    #unroll h LOADS
        loads[h] = raw_at((n * pixels + min(position_of(lane, h), pixels - 1u)) * params.outputs + channel);
    #end
    return loads;
}

fn put_loads(loads: Loads, lane: u32) {
    #unroll h LOADS
        let pixel = position_of(lane, h);
        if pixel < params.in_height * params.in_width {
            put(pixel_at(pixel) * LINE + lane % 4u, value_of(loads[h]));
        }
    #end
}

fn clear(lane: u32) {
    for (var at = lane; at < HALVES; at += INVOCATIONS) {
        put(at, vec4<f32>(0.0));
    }
    workgroupBarrier();
}

// The weights of filter row i along the diagonals of as many matrices as it has taps.
fn put_weights(i: u32, strip: u32, lane: u32) {
    for (var at = lane; at < KERNEL * SIDE; at += INVOCATIONS) {
        let c = at % SIDE;
        let tap = i * KERNEL + at / SIDE;
        let channel = min(strip * 4u + c / 4u, params.outputs - 1u);
        let four = weight_of(weights[select(tap, TAPS - 1u - tap, FLIPPED == 1u) * params.outputs + channel]);
        put(at * LINE + c / 4u, select(vec4<f32>(0.0), four, vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(c % 4u)));
    }
}

fn make_images(place: Place, lane: u32) {
    let of_columns = part_column(lane);
    clear(lane);
    var diagonals: array<MatrixB, TAPS>;
    #unroll i KERNEL
        put_weights(i, place.strip, lane);
        workgroupBarrier();
        #unroll j KERNEL
            diagonals[i * KERNEL + j] = coopLoadT<MatrixB>(&halves[(j * SIDE + of_columns) * LINE + of_columns / 4u], LINE);
        #end
        workgroupBarrier();
    #end
    // What is not written below stays zero.
    clear(lane);
    let team = lane / TEAM;
    let position = SIDE * team + lane % TEAM / 4u;
    let first = place.slab * params.width;
    var loads = loads_at(first, place.channel, lane);
    for (var image = first; image < min(first + params.width, params.batch); image += 1u) {
        put_loads(loads, lane);
        workgroupBarrier();
        // What the outputs need and the next image's loads are on their way while this one is multiplied.
        var before: array<Before, 2>;
        #unroll g 2
            before[g] = before_at(output_at(image, position + 8u * g, place.channel));
        #end
        loads = loads_at(image + 1u, place.channel, lane);
        var products: MatrixSum;
        #unroll i KERNEL
            #unroll j KERNEL
                let at = (line_at(i) + j + STRIDE * (SIDE * team + part_row(lane))) * LINE + of_columns / 4u;
                let a = coopLoadT<MatrixA>(&halves[at], STRIDE * LINE);
                products = coopMultiplyAdd(a, diagonals[i * KERNEL + j], products);
            #end
        #end
        coopStoreT(products, &pool[2u * (SUMS_AT + team * OWN_SUMS + part_row(lane) * SUM_LINE + of_columns / 4u)], 2u * SUM_LINE);
        workgroupBarrier();
        #unroll g 2
            let value = scratch(SUMS_AT + team * OWN_SUMS + (lane % TEAM / 4u + 8u * g) * SUM_LINE + lane % 4u);
            let there = is_position(position + 8u * g) & place.own;
            leave_value(output_at(image, position + 8u * g, place.channel), value, before[g], there);
        #end
    }
    workgroupBarrier();
}

fn is_position(position: u32) -> bool {
    return (position / pitch() < params.out_height) & (position % pitch() < params.out_width);
}

// Of a position that there is not the nearest that there is.
fn output_at(image: u32, position: u32, channel: u32) -> u32 {
    let y = min(position / pitch(), params.out_height - 1u);
    let x = min(position % pitch(), params.out_width - 1u);
    return ((image * params.out_height + y) * params.out_width + x) * params.outputs + channel;
}
