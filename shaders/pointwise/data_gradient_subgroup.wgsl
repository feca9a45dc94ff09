// pointwise/data_gradient with one tile of ROWS * LANES rows x LANES vectors to a subgroup, see shared/subgroup:
// input_gradient = output_gradient weights^T, or that added to what input_gradient has from a skip connection; with RECTIFIED
// zero where `passed` is not positive. output_gradient [rows][outputs], weights [inputs][outputs], passed and input_gradient [rows][inputs]; units of 4 channels.
// A lane has a column of the tile, and loads every LANESth row of the gradient for all.
#import storage
#import subgroup_rows
#import product

override ADDS: bool = false;
override RECTIFIED: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> passed: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<Gradient>;

@compute @workgroup_size(LANES * SUBGROUPS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let place = place_of(group_id, grid, invocation);
    let tile = row_tile_of(place);
    // Beyond the edge the last row or column is computed once more, and not stored.
    let of_column = min(tile.column, params.inputs - 1u) * 4u * params.outputs;
    var starts: array<u32, ROWS>;
    #unroll r ROWS
        starts[r] = min(tile.first_row + r * LANES + place.lane, params.rows - 1u) * params.outputs;
    #end
    var sums: array<vec4<f32>, ROWS * LANES>;
    for (var k4 = 0u; k4 < params.outputs; k4 += 1u) {
        var g: array<vec4<f32>, ROWS>;
        #unroll r ROWS
            g[r] = from_gradient(output_gradient[starts[r] + k4]);
        #end
        let at = of_column + k4;
        let w0 = weights[at];
        let w1 = weights[at + params.outputs];
        let w2 = weights[at + 2u * params.outputs];
        let w3 = weights[at + 3u * params.outputs];
        #unroll r ROWS
            #unroll l 8
                let x = subgroupBroadcast(g[r], l);
                sums[r * LANES + l] += vec4<f32>(dot(x, w0), dot(x, w1), dot(x, w2), dot(x, w3));
            #end
        #end
    }
    // A copy that a loop may index leaves the sums themselves in registers.
    var ends = sums;
    for (var row = tile.first_row; row < tile.end_row; row += 1u) {
        if tile.column < params.inputs {
            let at = row * params.inputs + tile.column;
            var value = ends[row - tile.first_row];
            if ADDS {
                value += from_gradient(input_gradient[at]);
            }
            if RECTIFIED {
                value = select(vec4<f32>(0.0), value, passed[at] > vec4<f32>(0.0));
            }
            input_gradient[at] = to_gradient(value);
        }
    }
}
