// What a workgroup does for the gates of its images, see squeeze_excite/gate. The kernel defines how its invocations meet: `meet()`,
// a barrier; `mean(image, c)` and `put_mean`, `hidden(image, k)` and `put_hidden`; and what gate_columns asks for.
#import storage
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

// 4 values times 4 rows of a matrix, at a column.
fn step(values: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>) -> vec4<f32> {
    return values.x * w0 + values.y * w1 + values.z * w2 + values.w * w3;
}

fn make_gates(first_image: u32, lane: u32) {
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
        meet();
        if c < params.channels && columns.piece == 0u {
            #unroll m IMAGES
                put_mean(image[m], c, joined(image[m], columns) / f32(params.rows));
            #end
        }
        meet();
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
                    sums[m] += step(mean(image[m], i4), w0, w1, w2, w3);
                #end
            }
        }
        leave_pieces(lane, sums);
        meet();
        if k < params.hidden && columns.piece == 0u {
            #unroll m IMAGES
                let sum = joined(image[m], columns) + reduce_bias[k];
                put_hidden(image[m], k, max(sum, vec4<f32>(0.0)));
            #end
        }
        meet();
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
                sums[m] += step(hidden(image[m], k4), w0, w1, w2, w3);
            #end
        }
        #unroll m IMAGES
            gate[image[m] * params.channels + c] = activate(sums[m]);
        #end
    }
}
