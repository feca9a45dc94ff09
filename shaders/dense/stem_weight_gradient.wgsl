// Gradient of the stem with respect to its weights, as of dense/weight_gradient, of each block of rows, see stem:
// partial[s][i][j][c][o] = sum over the rows y of block s and all x of
//   input[n, y S + i - pad_y, x S + j - pad_x, c] output_gradient[n, y, x, o], for the fourth c zero; reduce/slabs adds the slabs; for
// the gradient see gradient_operand.
// A workgroup takes `down` rows of an image and `width` output groups, its invocations columns of these rows, 4 at a time, and of one
// output group the whole filter: a gradient is loaded and made once.
#import storage
#import grid
#import stem
#import row_of_lanes
#import gradient_operand

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> output: array<Value>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

// ROW is a filter row of three channels.
var<private> taps: array<vec4<f32>, KERNEL * ROW>;

fn gather(strip: Strip) {
    let outputs = params.outputs;
    let through = through_of(strip.channel, outputs);
    let block = own_block(strip);
    for (var x = strip.first * 4u; x < params.out_width; x += strip.lanes * 4u) {
        let columns = beside(x);
        for (var y = block.top; y < block.top + params.down; y += 1u) {
            let row = (block.n * params.out_height + y) * params.out_width;
            var raws: array<RawGradient, 4>;
            #unroll o 4
                raws[o] = raw_gradient((row + min(x + o, params.out_width - 1u)) * outputs + strip.channel);
            #end
            var gradients: array<vec4<f32>, 4>;
            #unroll o 4
                gradients[o] = select(vec4<f32>(0.0), gradient_from(raws[o], through), x + o < params.out_width);
            #end
            #unroll i KERNEL
                let values = line_of(block.n, y, i, columns);
                #unroll j KERNEL
                    const tap = i * ROW + j * 3u;
                    #unroll o 4
                        const c = o * STRIDE + j;
                        taps[tap] += values[c].x * gradients[o];
                        taps[tap + 1u] += values[c].y * gradients[o];
                        taps[tap + 2u] += values[c].z * gradients[o];
                    #end
                #end
            #end
        }
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let outputs = params.outputs;
    let strip = own_strip(linear_group(group_id, grid), lane);
    if strip.inside {
        gather(strip);
    }
    #unroll i KERNEL
        #unroll j ROW
            row_of_lanes[j * 64u + lane] = taps[i * ROW + j];
        #end
        workgroupBarrier();
        if strip.inside {
            // In the layout of the weights, with a fourth channel.
            for (var place = strip.first; place < KERNEL * 4u; place += strip.lanes) {
                var all = vec4<f32>(0.0);
                if place % 4u < 3u {
                    all = of_all_lanes(strip, lane, place / 4u * 3u + place % 4u);
                }
                partial[((strip.slab * KERNEL + i) * KERNEL * 4u + place) * outputs + strip.channel] = all;
            }
        }
        workgroupBarrier();
    #end
}
