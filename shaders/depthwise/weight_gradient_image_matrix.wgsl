// As depthwise/weight_gradient_matrix, of images so small that a workgroup has a whole one at a time, see depthwise_image: of slab
// s of images.
#import storage
#import matrix
#import grid
#import activation
#import operand
#import gradient_operand
#import depthwise_image
#import depthwise_diagonal

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> output: array<Value>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;

// Room for PIXELS positions of the input and POSITIONS of the gradient; of those that are not zero an invocation has LOADS and GRADIENTS.
const_assert GRADIENTS * INVOCATIONS >= POSITIONS * 4u;
const GRADIENTS_AT: u32 = PIXELS * LINE;
const HALVES: u32 = GRADIENTS_AT + POSITIONS * LINE;

struct Loads {
    inputs: array<Value, LOADS>,
    gradients: array<RawGradient, GRADIENTS>,
}

fn loads_at(image: u32, channel: u32, lane: u32) -> Loads {
    let n = min(image, params.batch - 1u);
    let positions = params.out_height * params.out_width;
    var loads: Loads;
    #unroll h LOADS
        loads.inputs[h] = input[input_at(image, position_of(lane, h), channel)];
    #end
    #unroll h GRADIENTS
        loads.gradients[h] = raw_gradient((n * positions + min(position_of(lane, h), positions - 1u)) * params.outputs + channel);
    #end
    return loads;
}

fn put_loads(loads: Loads, affine: Affine, through: Through, lane: u32) {
    #unroll h LOADS
        let pixel = position_of(lane, h);
        let at = pixel_at(pixel);
        if pixel < params.in_height * params.in_width {
            put(at * LINE + lane % 4u, vec4<f16>(operand_of(from_value(loads.inputs[h]), affine)));
        }
    #end
    #unroll h GRADIENTS
        let position = position_of(lane, h);
        let at = position / params.out_width * pitch() + position % params.out_width;
        if position < params.out_height * params.out_width {
            put(GRADIENTS_AT + at * LINE + lane % 4u, to_half(gradient_times(loads.gradients[h], through, LARGER)));
        }
    #end
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.outputs;
    let place = place_of(linear_group(group_id, grid), lane);
    let slab = place.slab;
    let channel = place.channel;
    let affine = affine_of(channel, channels);
    let through = through_times(through_of(channel, channels), LARGER);
    let j = lane / TEAM;
    let of_rows = part_row(lane) / 4u;
    let of_columns = part_column(lane) / 4u;
    // What is not written below stays zero.
    clear(lane, HALVES);
    let positions = params.out_height * pitch();
    var sums: array<MatrixSum, KERNEL>;
    let first = slab * params.width;
    var loads = loads_at(first, channel, lane);
    for (var image = first; image < min(first + params.width, params.batch); image += 1u) {
        put_loads(loads, affine, through, lane);
        workgroupBarrier();
        // The next image's loads are on their way while this one is multiplied.
        loads = loads_at(image + 1u, channel, lane);
        for (var at = 0u; at < positions; at += EDGE) {
            let gradient = coopLoadT<MatrixB>(&halves[GRADIENTS_AT + at * LINE + of_columns], LINE);
            #unroll i KERNEL
                let lines = coopLoad<MatrixA>(&halves[(line_at(i) + j + STRIDE * at) * LINE + of_rows], STRIDE * LINE);
                sums[i] = coopMultiplyAdd(lines, gradient, sums[i]);
            #end
        }
        workgroupBarrier();
    }
    if slab >= params.slabs {
        return;
    }
    #unroll i KERNEL
        leave_diagonal(sums[i], slab, i, place.strip, lane);
    #end
}
