// 1x1 convolution (and linear layer): output = activate(input weights + bias) + residual.
// input [rows][inputs], weights [inputs][outputs], bias [outputs], residual and output [rows][outputs].
// rows = n * h * w; all channel counts in units of 4.
#import grid
#import activation
#import gemm
#import transpose

struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    column_tiles: u32,
}

override HAS_BIAS: bool = false;
override HAS_RESIDUAL: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;

fn input_at(row: u32, k4: u32) -> vec4<f32> {
    if row < params.rows && k4 < params.inputs {
        return input[row * params.inputs + k4];
    }
    return vec4<f32>(0.0);
}

fn store(row: u32, column: u32, sum: vec4<f32>) {
    if row >= params.rows || column >= params.outputs {
        return;
    }
    var value = sum;
    if HAS_BIAS {
        value += bias[column];
    }
    value = activate(value);
    let at = row * params.outputs + column;
    if HAS_RESIDUAL {
        value += residual[at];
    }
    output[at] = value;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let first_row = (group / params.column_tiles) * 32u;
    let first_column = (group % params.column_tiles) * 8u;
    let block = lane / 8u;
    let offset = lane % 8u;
    var c = Accumulator();
    for (var k4 = 0u; k4 < params.inputs; k4 += 8u) {
        let row = first_row + block * 4u;
        let a = transpose_block(
            input_at(row, k4 + offset),
            input_at(row + 1u, k4 + offset),
            input_at(row + 2u, k4 + offset),
            input_at(row + 3u, k4 + offset),
        );
        for (var i = 0u; i < 4u; i += 1u) {
            tile_a[(offset * 4u + i) * 8u + block] = a[i];
            let k = k4 * 4u + i * 8u + block;
            var b = vec4<f32>(0.0);
            if k < params.inputs * 4u && first_column + offset < params.outputs {
                b = weights[k * params.outputs + first_column + offset];
            }
            tile_b[(i * 8u + block) * 8u + offset] = b;
        }
        workgroupBarrier();
        multiply_tiles(lane, &c);
        workgroupBarrier();
    }
    let row = first_row + block * 4u;
    store(row, first_column + offset, c.row0);
    store(row + 1u, first_column + offset, c.row1);
    store(row + 2u, first_column + offset, c.row2);
    store(row + 3u, first_column + offset, c.row3);
}
