// pointwise/forward with one tile of ROWS * LANES rows x LANES vectors to a subgroup, see shared/subgroup:
// output = activate((operand(input) * gate) weights + bias) + residual. input [rows][inputs], gate [image][inputs],
// weights [inputs][outputs], bias [outputs], residual and output [rows][outputs].
// A lane has a column of the tile, and loads every LANESth row of the input for all.
#import storage
#import subgroup_rows
#import product_forward
#import activation
#import operand
#import epilogue
#import operand_rows

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<Value>;
@group(0) @binding(5) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> output: array<Value>;

@compute @workgroup_size(LANES * SUBGROUPS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let place = place_of(group_id, grid, invocation);
    let tile = row_tile_of(place);
    // Beyond the edge the last row or column is computed once more, and not stored.
    let at_column = min(tile.column, params.outputs - 1u);
    let rows = rows_from(tile.first_row + place.lane, LANES);
    var sums: array<vec4<f32>, ROWS * LANES>;
    for (var k4 = 0u; k4 < params.inputs; k4 += 1u) {
        let a = operands_at(rows, k4);
        let at = k4 * 4u * params.outputs + at_column;
        let w0 = from_weight(weights[at]);
        let w1 = from_weight(weights[at + params.outputs]);
        let w2 = from_weight(weights[at + 2u * params.outputs]);
        let w3 = from_weight(weights[at + 3u * params.outputs]);
        #unroll r ROWS
            #unroll l 8
                let x = subgroupBroadcast(a[r], l);
                sums[r * LANES + l] += x.x * w0 + x.y * w1 + x.z * w2 + x.w * w3;
            #end
        #end
    }
    // A copy that a loop may index leaves the sums themselves in registers.
    var ends = sums;
    for (var row = tile.first_row; row < tile.end_row; row += 1u) {
        if tile.column < params.outputs {
            let at = row * params.outputs + tile.column;
            output[at] = to_value(finished(ends[row - tile.first_row], tile.column, at));
        }
    }
}
