// Adds the slabs of batch_norm/gradient_sums, or those that a data gradient left, in a fixed order: the gradients of gamma and beta,
// and of them how a gradient g goes back through the normalisation: to g * scale + x * slope + offset, x being its input, which is
// scale * (g - (sum of g) / rows - x' (sum of g x') / rows), x' = (x - mean) / sqrt(variance + epsilon).
// With constant statistics (frozen layers, or a single row) it is scale * g: inverse_rows is 0.
// partial [slabs][2][channels]: sum of g, sum of g x'; moments [4][channels] as of batch_norm/finalise; gamma_gradient,
// beta_gradient [channels]; coefficients [3][channels]: scale, slope, offset; units of 4 channels.
// A workgroup takes `width` channel groups, with WORKGROUP / width invocations over the slabs of each.
// With `identity` (one row, see batch_norm/finalise) gamma and beta took no part: their gradients are zero.
// Source: Ioffe and Szegedy, "Batch Normalization", arXiv 1502.03167, section 3.
#import grid
#import tree_pairs

struct Params {
    channels: u32,
    slabs: u32,
    identity: u32,
    width: u32,
    inverse_rows: f32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

// Few slabs are merged by a few invocations, thousands by many.
override WORKGROUP: u32 = 256u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> gamma_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> beta_gradient: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> coefficients: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let lanes = WORKGROUP / params.width;
    let first = lane / params.width;
    let c = linear_group(group_id, grid) * params.width + lane % params.width;
    let inside = c < params.channels && first < lanes;
    // On their way together with the sums.
    let known = min(c, params.channels - 1u);
    let mean = moments[known];
    let inverse = moments[params.channels + known];
    let scale = moments[2u * params.channels + known];
    var sum = vec4<f32>(0.0);
    var product = vec4<f32>(0.0);
    if inside && params.identity == 0u {
        // AT_ONCE at a time, so that their loads are on their way together.
        for (var slab = first; slab < params.slabs; slab += AT_ONCE * lanes) {
            var loaded: array<vec4<f32>, 2u * AT_ONCE>;
            #unroll i AT_ONCE
                let at = min(slab + i * lanes, params.slabs - 1u) * 2u * params.channels + c;
                loaded[2u * i] = partial[at];
                loaded[2u * i + 1u] = partial[at + params.channels];
            #end
            #unroll i AT_ONCE
                if slab + i * lanes < params.slabs {
                    sum += loaded[2u * i];
                    product += loaded[2u * i + 1u];
                }
            #end
        }
    }
    let all = tree_pair(lane, first, lanes, params.width, Pair(sum, product));
    if first == 0u && inside {
        gamma_gradient[c] = all.product;
        beta_gradient[c] = all.sum;
        let channels = params.channels;
        let slope = -scale * inverse * all.product * params.inverse_rows;
        coefficients[c] = scale;
        coefficients[channels + c] = slope;
        coefficients[2u * channels + c] = -scale * all.sum * params.inverse_rows - slope * mean;
    }
}
