// 1x1 convolution (and linear layer): output = activate((operand(input) * gate) weights + bias) + residual.
// input [rows][inputs], gate [image][inputs], weights [inputs][outputs], bias [outputs], residual and output
// [rows][outputs]. rows = n * h * w; all channel counts in units of 4.
#import storage
#import grid
#import product_forward
#import activation
#import operand
#import gate
#import epilogue
#import gemm
#import gemm_add
#import gemm_store
#import gemm_rows
#import gemm_forward
#import pointwise_forward

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: Weights;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<Value>;
@group(0) @binding(5) var<storage, read> gate: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> output: array<Value>;

fn addend_at(at: u32) -> vec4<f32> {
    return from_value(residual[at]);
}

// What `finished` of epilogue makes of each sum, with all loads on their way before the first is waited for.
fn finished_tile(lane: u32, first_row: u32, first_column: u32, sums: array<vec4<f32>, SUMS>) -> array<vec4<f32>, SUMS> {
    var local = sums;
    let column = first_column + lane % GRID_COLUMNS;
    #unroll j COLUMN_BLOCKS
        let offset = bias_of(min(column + GRID_COLUMNS * j, params.outputs - 1u));
        #unroll i ROW_BLOCKS
            #unroll r 4
                const at = (4u * i + r) * COLUMN_BLOCKS + j;
                local[at] = activate_by(params.activation, params.slope, local[at] + offset);
            #end
        #end
    #end
    if (params.operands & HAS_RESIDUAL) != 0u {
        return added_tile(lane, first_row, first_column, params.rows, params.outputs, local);
    }
    return local;
}

fn store(row: u32, column: u32, value: vec4<f32>) {
    if row < params.rows && column < params.outputs {
        output[row * params.outputs + column] = to_value(value);
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let first_row = (group / params.column_tiles) * TILE_ROWS;
    let first_column = (group % params.column_tiles) * B_WIDTH;
    let sums = product_tile(lane, first_row, first_column, params.inputs);
    store_tile(lane, first_row, first_column, finished_tile(lane, first_row, first_column, sums));
}
