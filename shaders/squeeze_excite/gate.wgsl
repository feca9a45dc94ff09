// The gate of squeeze-excite in one launch:
// gate[n, c] = activate(expand_bias[c] + sum over k of hidden[n, k] expand_weight[k, c]),
// hidden[n, k] = relu(reduce_bias[k] + sum over i of mean[n, i] reduce_weight[i, k]),
// mean[n, i] = mean over the rows of input[n, row, i].
// input [n][rows][channels] (of one row where it is pooled already), gate [n][channels]; units of 4 channels.
// A workgroup makes IMAGES images, for which it loads the weights once. Sums over few columns are cut into pieces, so that no
// invocation idles, see gate_columns.
// For software devices: what passes from one invocation to another goes through `scratch`, whose parts are the means, hidden and
// the pieces, not through workgroup memory, which browsers fill with zeros before a kernel begins, and for which a software
// GPU's compiler takes more than a second to write the code. For others see gate_local; devices whose subgroups make products make the
// gates of 8 images or more so, one product after the other.
// Source: Hu et al., "Squeeze-and-Excitation Networks", arXiv 1709.01507.
#import grid
#import gate_products
#import gate_pieces

@group(0) @binding(7) var<storage, read_write> scratch: array<vec4<f32>>;

fn meet() {
    storageBarrier();
}

fn put_mean(of_image: u32, c: u32, value: vec4<f32>) {
    scratch[of_image * params.channels + c] = value;
}

fn mean(of_image: u32, c: u32) -> vec4<f32> {
    return scratch[of_image * params.channels + c];
}

fn put_hidden(of_image: u32, k: u32, value: vec4<f32>) {
    scratch[params.hidden_at + of_image * params.hidden + k] = value;
}

fn hidden(of_image: u32, k: u32) -> vec4<f32> {
    return scratch[params.hidden_at + of_image * params.hidden + k];
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
    make_gates(first_image, lane);
}
