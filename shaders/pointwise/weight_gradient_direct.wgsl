// pointwise/weight_gradient with one tile of INPUTS x OUTPUTS blocks of 4 x 4 to an invocation:
// partial[s] = (operand(input) * gate)^T output_gradient over the rows of slab s; reduce/slabs adds the slabs.
// input [rows][inputs], output_gradient [rows][outputs], partial [slabs][4 inputs][outputs]; units of 4 channels.
// For processors that run invocations in the lanes of their vector registers, such as software GPUs: no workgroup
// memory and no barriers, and as few loads for each multiplication as registers allow.
#import storage
#import grid
#import product_split
#import activation
#import operand
#import gate

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = linear_group(group_id, grid) * 64u + lane;
    let tiles = params.column_tiles * params.row_tiles;
    let slab = thread / tiles;
    if slab >= params.slabs {
        return;
    }
    let first_input = ((thread % tiles) / params.column_tiles) * INPUTS;
    let first_output = ((thread % tiles) % params.column_tiles) * OUTPUTS;
    let begin = slab * params.rows_per_slab;
    let end = min(begin + params.rows_per_slab, params.rows);
    var sums: array<vec4<f32>, INPUTS * OUTPUTS * 4u>;
    for (var i = 0u; i < INPUTS * OUTPUTS * 4u; i += 1u) {
        sums[i] = vec4<f32>(0.0);
    }
    // Beyond the edge the last block is computed once more, and not stored.
    var ins: array<u32, INPUTS>;
    #unroll i INPUTS
        ins[i] = min(first_input + i, params.inputs - 1u);
    #end
    var outs: array<u32, OUTPUTS>;
    #unroll i OUTPUTS
        outs[i] = min(first_output + i, params.outputs - 1u);
    #end
    for (var row = begin; row < end; row += 1u) {
        var g: array<vec4<f32>, OUTPUTS>;
        #unroll o OUTPUTS
            g[o] = from_gradient(output_gradient[row * params.outputs + outs[o]]);
        #end
        #unroll i INPUTS
            let loaded = operand(from_value(input[row * params.inputs + ins[i]]), ins[i], params.inputs);
            let x = gated(loaded, image_of(row), ins[i], params.inputs);
            #unroll o OUTPUTS
                let at = (i * OUTPUTS + o) * 4u;
                sums[at] += x.x * g[o];
                sums[at + 1u] += x.y * g[o];
                sums[at + 2u] += x.z * g[o];
                sums[at + 3u] += x.w * g[o];
            #end
        #end
    }
    #unroll i INPUTS
        #unroll o OUTPUTS
            if first_input + i < params.inputs && first_output + o < params.outputs {
                #unroll c 4
                    let row = (slab * params.inputs + first_input + i) * 4u + c;
                    partial[row * params.outputs + first_output + o] = sums[(i * OUTPUTS + o) * 4u + c];
                #end
            }
        #end
    #end
}
