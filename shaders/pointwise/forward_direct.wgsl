// pointwise/forward with one tile of ROWS x COLUMNS vectors to an invocation:
// output = activate((operand(input) * gate) weights + bias) + residual. input [rows][inputs], gate [image][inputs],
// weights [inputs][outputs], bias [outputs], residual and output [rows][outputs].
// For processors that run invocations in the lanes of their vector registers, such as software GPUs: no workgroup
// memory and no barriers, and as few loads for each multiplication as registers allow.
#import storage
#import grid
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
    let rows = rows_from(first_row, 1u);
    var columns: array<u32, COLUMNS>;
    #unroll j COLUMNS
        columns[j] = min(first_column + j, params.outputs - 1u);
    #end
    var sums: array<vec4<f32>, ROWS * COLUMNS>;
    for (var i = 0u; i < ROWS * COLUMNS; i += 1u) {
        sums[i] = vec4<f32>(0.0);
    }
    for (var k4 = 0u; k4 < params.inputs; k4 += 1u) {
        let a = operands_at(rows, k4);
        let k = k4 * 4u * params.outputs;
        #unroll j COLUMNS
            let at = k + columns[j];
            let w0 = from_weight(weights[at]);
            let w1 = from_weight(weights[at + params.outputs]);
            let w2 = from_weight(weights[at + 2u * params.outputs]);
            let w3 = from_weight(weights[at + 3u * params.outputs]);
            #unroll r ROWS
                sums[r * COLUMNS + j] += a[r].x * w0 + a[r].y * w1 + a[r].z * w2 + a[r].w * w3;
            #end
        #end
    }
    // A copy that a loop may index leaves the sums themselves in registers; unrolled, the ends would be most of the code.
    var ends = sums;
    for (var k = 0u; k < ROWS * COLUMNS; k += 1u) {
        let row = first_row + k / COLUMNS;
        let column = first_column + k % COLUMNS;
        if row < params.rows && column < params.outputs {
            let at = row * params.outputs + column;
            output[at] = to_value(finished(ends[k], column, at));
        }
    }
}
