// depthwise/weight_gradient where loading is what takes long, as on software GPUs: an invocation has the whole filter of one channel group
// and the rows of one slab, of which it walks down 4 columns at a time, so that it loads each input and each gradient of them once. An
// input line meets the LIVE = ceil(KERNEL / STRIDE) rows of gradients that it belongs to.
// A slab has `params.down` of all images' rows.
#import storage
#import grid
#import walk_line
#import activation
#import operand
#import gradient_operand

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> output: array<Value>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;

var<private> affine: Affine;

fn input_at(pixel: u32, channel: u32) -> vec4<f32> {
    return operand_of(from_value(input[pixel * params.outputs + channel]), affine);
}

alias Gradients = array<vec4<f32>, LIVE * 4u>;

// The next row of gradients is the last of those under way: that at `pixel` from column x on, or zeros.
fn next_row(rows: ptr<function, Gradients>, pixel: u32, x: u32, there: bool, channel: u32, through: Through) {
    #unroll t OLDER
        #unroll o 4
            (*rows)[t * 4u + o] = (*rows)[(t + 1u) * 4u + o];
        #end
    #end
    for (var column = x; column < x + turns(4u); column += 1u) {
        #unroll o 3
            (*rows)[OLDER * 4u + o] = (*rows)[OLDER * 4u + o + 1u];
        #end
        var gradient = vec4<f32>(0.0);
        if there && column < params.out_width {
            gradient = gradient_from(raw_gradient((pixel + column) * params.outputs + channel), through);
        }
        (*rows)[OLDER * 4u + 3u] = gradient;
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = params.outputs;
    let thread = linear_group(group_id, grid) * 64u + lane;
    let channel = thread % channels;
    let slab = thread / channels;
    if slab >= params.slabs {
        return;
    }
    affine = affine_of(channel, channels);
    let through = through_of(channel, channels);
    let last_row = i32(params.in_height) - 1;
    let end = min((slab + 1u) * params.down, params.batch * params.out_height);
    var sums: array<vec4<f32>, KERNEL * KERNEL>;
    // From image to image, whose rows a slab has all of or a part.
    var rows = 0u;
    for (var at = slab * params.down; at < end; at += rows) {
        let n = at / params.out_height;
        let top = at % params.out_height;
        rows = min(params.out_height - top, end - at);
        let first_row = i32(top * STRIDE) - i32(params.pad_y);
        // Of steps whose lines are all above the image or below it nothing comes.
        let first_step = select(0u, params.pad_y / STRIDE, top == 0u);
        let last_step = min(rows + LIVE - 1u, u32(last_row - first_row) / STRIDE + 1u);
        for (var x = 0u; x < params.out_width; x += 4u) {
            var gradients: Gradients;
            for (var row = 0u; row < first_step; row += 1u) {
                next_row(&gradients, (at + row) * params.out_width, x, row < rows, channel, through);
            }
            for (var step = first_step; step < last_step; step += 1u) {
                next_row(&gradients, (at + step) * params.out_width, x, step < rows, channel, through);
                let lines = lines_at(n, first_row + i32(step * STRIDE), x, channel);
                #unroll s STRIDE
                    let values = lines[s];
                    // Row step + t - (LIVE - 1) of outputs meets this line with filter row i.
                    #unroll t LIVE
                        const i = (LIVE - 1u - t) * STRIDE + s;
                        if i < KERNEL {
                            #unroll j KERNEL
                                #unroll o 4
                                    sums[min(i, KERNEL - 1u) * KERNEL + j] += values[o * STRIDE + j] * gradients[t * 4u + o];
                                #end
                            #end
                        }
                    #end
                #end
            }
        }
    }
    // A copy that a loop may index leaves the sums themselves in registers.
    var ends = sums;
    let first_line = slab * KERNEL * KERNEL;
    for (var line = first_line; line < first_line + turns(KERNEL * KERNEL); line += 1u) {
        partial[line * channels + channel] = ends[line - first_line];
    }
}
