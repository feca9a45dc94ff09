// pointwise/weight_gradient with one tile of INPUTS blocks of 4 inputs x LANES of 4 outputs to a subgroup, see shared/subgroup:
// partial[s] = (operand(input) * gate)^T output_gradient over the rows of slab s; reduce/slabs adds the slabs.
// input [rows][inputs], output_gradient [rows][outputs], partial [slabs][4 inputs][outputs]; units of 4 channels.
// A lane has a column of the tile; of the input the lanes load the tile's blocks of ROWS rows at once, which are LANES.
#import storage
#import subgroup
#import product_split
#import activation
#import operand
#import gate

const_assert INPUTS * ROWS == LANES;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(3) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

@compute @workgroup_size(LANES * SUBGROUPS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let place = place_of(group_id, grid, invocation);
    let tiles = params.column_tiles * params.row_tiles;
    let slab = place.tile / tiles;
    let first_input = ((place.tile % tiles) / params.column_tiles) * INPUTS;
    let output = ((place.tile % tiles) % params.column_tiles) * LANES + place.lane;
    let begin = min(slab * params.rows_per_slab, params.rows);
    let end = min(begin + params.rows_per_slab, params.rows);
    // Beyond the edge the last block is computed once more, and not stored.
    let at_input = min(first_input + place.lane % INPUTS, params.inputs - 1u);
    let at_output = min(output, params.outputs - 1u);
    let affine = affine_of(at_input, params.inputs);
    var sums: array<vec4<f32>, INPUTS * 4u>;
    for (var first = begin; first < end; first += ROWS) {
        let own_row = min(first + place.lane / INPUTS, params.rows - 1u);
        let own = operand_of(from_value(input[own_row * params.inputs + at_input]), affine);
        let a = gated(own, image_of(own_row), at_input, params.inputs);
        #unroll r ROWS
            let row = min(first + r, params.rows - 1u);
            // A slab has whole turns of rows, but for the last: a row beyond the end adds nothing.
            let loaded = from_gradient(output_gradient[row * params.outputs + at_output]);
            let g = select(vec4<f32>(0.0), loaded, first + r < end);
            #unroll i INPUTS
                let x = subgroupBroadcast(a, r * INPUTS + i);
                sums[i * 4u] += x.x * g;
                sums[i * 4u + 1u] += x.y * g;
                sums[i * 4u + 2u] += x.z * g;
                sums[i * 4u + 3u] += x.w * g;
            #end
        #end
    }
    // As of the tiles in subgroup_rows.
    var ends = sums;
    let first_line = (slab * params.inputs + first_input) * 4u;
    let end_line = first_line + select(0u, min(INPUTS, params.inputs - first_input), slab < params.slabs) * 4u;
    for (var line = first_line; line < end_line; line += 1u) {
        if output < params.outputs {
            partial[line * params.outputs + output] = ends[line - first_line];
        }
    }
}
