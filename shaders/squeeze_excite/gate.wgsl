// The gate of squeeze-excite in one launch, for inference:
// gate[n, c] = activate(expand_bias[c] + sum over k of relu(reduce_bias[k] + sum over i of mean[n, i] reduce_weight[i, k])
// expand_weight[k, c]), mean[n, i] = mean over the rows of input[n, row, i].
// input [n][rows][channels] (of one row where it is pooled already), gate [n][channels]; units of 4 channels.
// A workgroup makes an image. Sums over few columns are cut into 256 / columns pieces, so that no invocation idles.
// What passes from one invocation to another goes through `scratch` [n][channels + 256 + hidden], not through workgroup
// memory: browsers fill that with zeros before a kernel begins, and a software GPU's compiler takes more than a second to
// write the code for it.
// Source: Hu et al., "Squeeze-and-Excitation Networks", arXiv 1709.01507.
#import storage
#import grid
#import activation

struct Params {
    images: u32,
    rows: u32,
    channels: u32,
    hidden: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> reduce_weight: array<Weight>;
@group(0) @binding(3) var<storage, read> reduce_bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> expand_weight: array<Weight>;
@group(0) @binding(5) var<storage, read> expand_bias: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> gate: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> scratch: array<vec4<f32>>;

const LANES = 256u;

// The sum of the pieces of a column that lie in `scratch` from `partial`, `width` columns beside one another.
fn joined(partial: u32, column: u32, width: u32) -> vec4<f32> {
    var sum = scratch[partial + column];
    for (var at = column + width; at < (LANES / width) * width; at += width) {
        sum += scratch[partial + at];
    }
    return sum;
}

// input row `k4`, 4 values, times 4 rows of a matrix, at a column.
fn step(values: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>) -> vec4<f32> {
    return values.x * w0 + values.y * w1 + values.z * w2 + values.w * w3;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let image = linear_group(group_id, grid);
    if image >= params.images {
        return;
    }
    let pooled = image * (params.channels + LANES + params.hidden);
    let partial = pooled + params.channels;
    let hidden = partial + LANES;
    // The mean of each channel.
    let start = image * params.rows * params.channels;
    if params.channels > LANES / 2u {
        for (var c = lane; c < params.channels; c += LANES) {
            var sum = vec4<f32>(0.0);
            for (var row = 0u; row < params.rows; row += 1u) {
                sum += from_value(input[start + row * params.channels + c]);
            }
            scratch[pooled + c] = sum / f32(params.rows);
        }
    } else {
        let pieces = LANES / params.channels;
        let column = lane % params.channels;
        let piece = lane / params.channels;
        var sum = vec4<f32>(0.0);
        if piece < pieces {
            for (var row = piece; row < params.rows; row += pieces) {
                sum += from_value(input[start + row * params.channels + column]);
            }
        }
        scratch[partial + lane] = sum;
    }
    storageBarrier();
    if params.channels <= LANES / 2u && lane < params.channels {
        scratch[pooled + lane] = joined(partial, lane, params.channels) / f32(params.rows);
    }
    storageBarrier();
    // The first product.
    let pieces = LANES / params.hidden;
    let column = lane % params.hidden;
    let piece = lane / params.hidden;
    var sum = vec4<f32>(0.0);
    if piece < pieces {
        for (var k4 = piece; k4 < params.channels; k4 += pieces) {
            let w = k4 * 4u * params.hidden + column;
            sum += step(
                scratch[pooled + k4],
                from_weight(reduce_weight[w]),
                from_weight(reduce_weight[w + params.hidden]),
                from_weight(reduce_weight[w + 2u * params.hidden]),
                from_weight(reduce_weight[w + 3u * params.hidden]),
            );
        }
    }
    scratch[partial + lane] = sum;
    storageBarrier();
    if lane < params.hidden {
        scratch[hidden + lane] = max(joined(partial, lane, params.hidden) + reduce_bias[lane], vec4<f32>(0.0));
    }
    storageBarrier();
    // The second.
    for (var c = lane; c < params.channels; c += LANES) {
        var value = expand_bias[c];
        for (var k4 = 0u; k4 < params.hidden; k4 += 1u) {
            let w = k4 * 4u * params.channels + c;
            value += step(
                scratch[hidden + k4],
                from_weight(expand_weight[w]),
                from_weight(expand_weight[w + params.channels]),
                from_weight(expand_weight[w + 2u * params.channels]),
                from_weight(expand_weight[w + 3u * params.channels]),
            );
        }
        gate[image * params.channels + c] = activate(value);
    }
}
