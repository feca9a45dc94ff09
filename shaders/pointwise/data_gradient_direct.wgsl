// pointwise/data_gradient with one tile of ROWS x COLUMNS vectors to an invocation:
// input_gradient = output_gradient weights^T, or that added to what input_gradient has from a skip connection.
// output_gradient [rows][outputs], weights [inputs][outputs], input_gradient [rows][inputs]; units of 4 channels.
// For processors that run invocations in the lanes of their vector registers, such as software GPUs: no workgroup
// memory and no barriers, and as few loads for each multiplication as registers allow.
#import storage
#import grid
#import product

override ADDS: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> input_gradient: array<Gradient>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let thread = linear_group(group_id, grid) * 64u + lane;
    let first_row = (thread / params.column_tiles) * ROWS;
    let first_column = (thread % params.column_tiles) * COLUMNS;
    if first_row >= params.rows {
        return;
    }
    // Beyond the edge the last row or column is computed once more, and not stored.
    var starts: array<u32, ROWS>;
    #unroll r ROWS
        starts[r] = min(first_row + r, params.rows - 1u) * params.outputs;
    #end
    var columns: array<u32, COLUMNS>;
    #unroll j COLUMNS
        columns[j] = min(first_column + j, params.inputs - 1u) * 4u * params.outputs;
    #end
    var sums: array<vec4<f32>, ROWS * COLUMNS>;
    for (var i = 0u; i < ROWS * COLUMNS; i += 1u) {
        sums[i] = vec4<f32>(0.0);
    }
    for (var k4 = 0u; k4 < params.outputs; k4 += 1u) {
        var g: array<vec4<f32>, ROWS>;
        #unroll r ROWS
            g[r] = from_gradient(output_gradient[starts[r] + k4]);
        #end
        #unroll j COLUMNS
            let at = columns[j] + k4;
            let w0 = weights[at];
            let w1 = weights[at + params.outputs];
            let w2 = weights[at + 2u * params.outputs];
            let w3 = weights[at + 3u * params.outputs];
            #unroll r ROWS
                sums[r * COLUMNS + j] += vec4<f32>(dot(g[r], w0), dot(g[r], w1), dot(g[r], w2), dot(g[r], w3));
            #end
        #end
    }
    #unroll r ROWS
        #unroll j COLUMNS
            let row = first_row + r;
            let column = first_column + j;
            if row < params.rows && column < params.inputs {
                var value = sums[r * COLUMNS + j];
                let at = row * params.inputs + column;
                if ADDS {
                    value += from_gradient(input_gradient[at]);
                }
                input_gradient[at] = to_gradient(value);
            }
        #end
    #end
}
