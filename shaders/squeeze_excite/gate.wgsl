// The gate of squeeze-excite in one launch:
// gate[n, c] = activate(expand_bias[c] + sum over k of hidden[n, k] expand_weight[k, c]),
// hidden[n, k] = relu(reduce_bias[k] + sum over i of mean[n, i] reduce_weight[i, k]),
// mean[n, i] = mean over the rows of input[n, row, i].
// input [n][rows][channels] (of one row where it is pooled already), gate [n][channels]; units of 4 channels.
// A workgroup makes IMAGES images, for which it loads the weights once. Sums over few columns are cut into pieces, so that no invocation idles, see gate_columns.
// What passes from one invocation to another goes through `scratch`, whose parts are the means, hidden and the pieces: not
// through workgroup memory, which browsers fill with zeros before a kernel begins, and for which a software GPU's compiler
// takes more than a second to write the code.
// Source: Hu et al., "Squeeze-and-Excitation Networks", arXiv 1709.01507.
#import storage
#import grid
#import activation
#import gate_columns

struct Params {
    images: u32,
    rows: u32,
    channels: u32,
    hidden: u32,
    // Where in `scratch` these begin; the means do at 0.
    hidden_at: u32,
    pieces_at: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> reduce_weight: array<Weight>;
@group(0) @binding(3) var<storage, read> reduce_bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> expand_weight: array<Weight>;
@group(0) @binding(5) var<storage, read> expand_bias: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> gate: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> scratch: array<vec4<f32>>;

// 4 values times 4 rows of a matrix, at a column.
fn step(values: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>) -> vec4<f32> {
    return values.x * w0 + values.y * w1 + values.z * w2 + values.w * w3;
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
    // The mean of each channel.
    var columns = columns_of(lane, params.channels);
    for (var first = 0u; first < params.channels; first += at_once(params.channels)) {
        let c = first + columns.own;
        var sums: array<vec4<f32>, IMAGES>;
        #unroll m IMAGES
            let start = image[m] * params.rows * params.channels;
            sums[m] = vec4<f32>(0.0);
            if c < params.channels {
                for (var row = columns.piece; row < params.rows; row += columns.pieces) {
                    sums[m] += from_value(input[start + row * params.channels + c]);
                }
            }
        #end
        leave_pieces(lane, sums);
        storageBarrier();
        if c < params.channels && columns.piece == 0u {
            #unroll m IMAGES
                let mean = joined(image[m], columns) / f32(params.rows);
                scratch[image[m] * params.channels + c] = mean;
            #end
        }
        storageBarrier();
    }
    // The first product.
    columns = columns_of(lane, params.hidden);
    for (var first = 0u; first < params.hidden; first += at_once(params.hidden)) {
        let k = first + columns.own;
        var sums: array<vec4<f32>, IMAGES>;
        #unroll m IMAGES
            sums[m] = vec4<f32>(0.0);
        #end
        if k < params.hidden {
            for (var i4 = columns.piece; i4 < params.channels; i4 += columns.pieces) {
                let w = i4 * 4u * params.hidden + k;
                let w0 = from_weight(reduce_weight[w]);
                let w1 = from_weight(reduce_weight[w + params.hidden]);
                let w2 = from_weight(reduce_weight[w + 2u * params.hidden]);
                let w3 = from_weight(reduce_weight[w + 3u * params.hidden]);
                #unroll m IMAGES
                    sums[m] += step(scratch[image[m] * params.channels + i4], w0, w1, w2, w3);
                #end
            }
        }
        leave_pieces(lane, sums);
        storageBarrier();
        if k < params.hidden && columns.piece == 0u {
            #unroll m IMAGES
                let sum = joined(image[m], columns) + reduce_bias[k];
                scratch[params.hidden_at + image[m] * params.hidden + k] = max(sum, vec4<f32>(0.0));
            #end
        }
        storageBarrier();
    }
    // The second.
    for (var c = lane; c < params.channels; c += LANES) {
        var sums: array<vec4<f32>, IMAGES>;
        #unroll m IMAGES
            sums[m] = expand_bias[c];
        #end
        for (var k4 = 0u; k4 < params.hidden; k4 += 1u) {
            let w = k4 * 4u * params.channels + c;
            let w0 = from_weight(expand_weight[w]);
            let w1 = from_weight(expand_weight[w + params.channels]);
            let w2 = from_weight(expand_weight[w + 2u * params.channels]);
            let w3 = from_weight(expand_weight[w + 3u * params.channels]);
            #unroll m IMAGES
                sums[m] += step(scratch[params.hidden_at + image[m] * params.hidden + k4], w0, w1, w2, w3);
            #end
        }
        #unroll m IMAGES
            gate[image[m] * params.channels + c] = activate(sums[m]);
        #end
    }
}
