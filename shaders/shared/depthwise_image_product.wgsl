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
const POOL: u32 = 2u * max(SUMS_AT + TEAMS * OWN_SUMS, 3u * INVOCATIONS);
const TAPS: u32 = KERNEL * KERNEL;
const_assert KERNEL * SIDE * LINE <= HALVES && KERNEL * SIDE <= INVOCATIONS;

alias Inputs = array<Raw, LOADS>;

fn inputs_at(image: u32, channel: u32, lane: u32) -> Inputs {
    var inputs: Inputs;
    #unroll h LOADS
        inputs[h] = raw_at(input_at(image, position_of(lane, h), channel));
    #end
    return inputs;
}

fn put_inputs(inputs: Inputs, lane: u32) {
    #unroll h LOADS
        let pixel = position_of(lane, h);
        if pixel < params.in_height * params.in_width {
            put(pixel_at(pixel) * LINE + lane % 4u, value_of(inputs[h]));
        }
    #end
}

// One of the numbers along the diagonals of the matrices of filter row i, as many as the row has taps: the vec4 that it lies in, which an
// invocation below KERNEL * SIDE has.
fn diagonal_of(i: u32, strip: u32, lane: u32) -> vec4<f32> {
    let c = lane % SIDE;
    let tap = min(i * KERNEL + lane / SIDE, TAPS - 1u);
    let channel = min(strip * 4u + c / 4u, params.outputs - 1u);
    let four = weight_of(weights[select(tap, TAPS - 1u - tap, FLIPPED == 1u) * params.outputs + channel]);
    return select(vec4<f32>(0.0), four, vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(c % 4u));
}

fn make_images(place: Place, lane: u32) {
    let of_columns = part_column(lane);
    var own: array<vec4<f32>, KERNEL>;
    #unroll i KERNEL
        own[i] = diagonal_of(i, place.strip, lane);
    #end
    clear(lane, KERNEL * SIDE * LINE);
    var diagonals: array<MatrixB, TAPS>;
    #unroll i KERNEL
        if lane < KERNEL * SIDE {
            put(lane * LINE + lane % SIDE / 4u, vec4<f16>(own[i]));
        }
        workgroupBarrier();
        #unroll j KERNEL
            diagonals[i * KERNEL + j] = coopLoadT<MatrixB>(&halves[(j * SIDE + of_columns) * LINE + of_columns / 4u], LINE);
        #end
        workgroupBarrier();
    #end
    // What is not written below stays zero.
    clear(lane, HALVES);
    let team = lane / TEAM;
    let position = SIDE * team + lane % TEAM / 4u;
    let first = place.slab * params.width;
    var inputs = inputs_at(first, place.channel, lane);
    for (var image = first; image < min(first + params.width, params.batch); image += 1u) {
        put_inputs(inputs, lane);
        workgroupBarrier();
        // What the outputs need and the next image's loads are on their way while this one is multiplied.
        var before: array<Before, 2>;
        #unroll g 2
            before[g] = before_at(output_at(image, position + 8u * g, place.channel));
        #end
        inputs = inputs_at(image + 1u, place.channel, lane);
        // A branch, of which naga does not see that whole subgroups take it: a small image has no positions for the last teams.
        for (var makes = SIDE * team < params.out_height * pitch(); makes; makes = false) {
            var products: MatrixSum;
            #unroll i KERNEL
                #unroll j KERNEL
                    let at = (line_at(i) + j + STRIDE * (SIDE * team + part_row(lane))) * LINE + of_columns / 4u;
                    let a = coopLoadT<MatrixA>(&halves[at], STRIDE * LINE);
                    products = coopMultiplyAdd(a, diagonals[i * KERNEL + j], products);
                #end
            #end
            coopStoreT(products, &pool[2u * (SUMS_AT + team * OWN_SUMS + part_row(lane) * SUM_LINE + of_columns / 4u)], 2u * SUM_LINE);
        }
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
