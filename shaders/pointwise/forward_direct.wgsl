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

// Whether each image has a gate of its own. That of a single one is chosen by a uniform: the branch costs little, and the product
// with a gate and the one without are the same pipeline, which is one less to compile before the first answer.
override GATE_EACH: bool = false;

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
    var starts: array<u32, ROWS>;
    #unroll r ROWS
        starts[r] = min(first_row + r, params.rows - 1u) * params.inputs;
    #end
    var gates: array<u32, ROWS>;
    if GATE_EACH {
        #unroll r ROWS
            gates[r] = (min(first_row + r, params.rows - 1u) / params.rows_per_image) * params.inputs;
        #end
    }
    var columns: array<u32, COLUMNS>;
    #unroll j COLUMNS
        columns[j] = min(first_column + j, params.outputs - 1u);
    #end
    var sums: array<vec4<f32>, ROWS * COLUMNS>;
    for (var i = 0u; i < ROWS * COLUMNS; i += 1u) {
        sums[i] = vec4<f32>(0.0);
    }
    for (var k4 = 0u; k4 < params.inputs; k4 += 1u) {
        var a: array<vec4<f32>, ROWS>;
        #unroll r ROWS
            a[r] = from_value(input[starts[r] + k4]);
        #end
        if NORMALISED {
            let affine = affine_of(k4, params.inputs);
            #unroll r ROWS
                a[r] = operand_of(a[r], affine);
            #end
        }
        if (params.operands & HAS_GATE) != 0u {
            let factor = gate[k4];
            #unroll r ROWS
                a[r] *= factor;
            #end
        }
        if GATE_EACH {
            #unroll r ROWS
                a[r] *= gate[gates[r] + k4];
            #end
        }
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
