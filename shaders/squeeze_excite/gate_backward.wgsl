// Back from the gate of squeeze-excite to the pooled values, in one launch:
// reduced_gradient[n, k] = sum over c of gate_gradient[n, c] expand_weight[k, c] where hidden is not 0,
// pooled_gradient[n, c] = sum over k of reduced_gradient[n, k] reduce_weight[c, k].
// gate_gradient [n][channels] behind the gate's activation, hidden [n][hidden]; units of 4 channels. The two are parts of
// `scratch`, one behind the other, and behind them is where invocations meet. A workgroup makes IMAGES images.
// For software devices, see gate; others take a product at a time, as those do whose subgroups make products, of 8 images or more.
#import grid
#import gate_columns
#import gate_pieces

struct Params {
    images: u32,
    channels: u32,
    hidden: u32,
    // Where in `scratch` these begin; reduced_gradient does at 0.
    pooled_at: u32,
    pieces_at: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gate_gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> hidden: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> reduce_weight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> expand_weight: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> scratch: array<vec4<f32>>;

// 4 values times the transpose of 4 rows of a matrix, at a column.
fn step_back(values: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(dot(values, w0), dot(values, w1), dot(values, w2), dot(values, w3));
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_image = linear_group(group_id, grid) * IMAGES;
    if first_image >= params.images {
        return;
    }
    pick_images(first_image);
    let zero = vec4<f32>(0.0);
    let columns = columns_of(lane, params.hidden);
    for (var first = 0u; first < params.hidden; first += at_once(params.hidden)) {
        let k = first + columns.own;
        var sums: array<vec4<f32>, IMAGES>;
        #unroll m IMAGES
            sums[m] = zero;
        #end
        if k < params.hidden {
            for (var c = columns.piece; c < params.channels; c += columns.pieces) {
                let w = k * 4u * params.channels + c;
                let w0 = expand_weight[w];
                let w1 = expand_weight[w + params.channels];
                let w2 = expand_weight[w + 2u * params.channels];
                let w3 = expand_weight[w + 3u * params.channels];
                #unroll m IMAGES
                    sums[m] += step_back(gate_gradient[image[m] * params.channels + c], w0, w1, w2, w3);
                #end
            }
        }
        leave_pieces(lane, sums);
        storageBarrier();
        if k < params.hidden && columns.piece == 0u {
            #unroll m IMAGES
                let at = image[m] * params.hidden + k;
                let sum = joined(image[m], columns);
                scratch[at] = select(zero, sum, hidden[at] > zero);
            #end
        }
        storageBarrier();
    }
    for (var c = lane; c < params.channels; c += LANES) {
        var sums: array<vec4<f32>, IMAGES>;
        #unroll m IMAGES
            sums[m] = zero;
        #end
        for (var k4 = 0u; k4 < params.hidden; k4 += 1u) {
            let w = c * 4u * params.hidden + k4;
            let w0 = reduce_weight[w];
            let w1 = reduce_weight[w + params.hidden];
            let w2 = reduce_weight[w + 2u * params.hidden];
            let w3 = reduce_weight[w + 3u * params.hidden];
            #unroll m IMAGES
                sums[m] += step_back(scratch[image[m] * params.hidden + k4], w0, w1, w2, w3);
            #end
        }
        #unroll m IMAGES
            scratch[params.pooled_at + image[m] * params.channels + c] = sums[m];
        #end
    }
}
