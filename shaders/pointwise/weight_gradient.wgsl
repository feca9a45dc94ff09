// Gradient of a 1x1 convolution with respect to its weights, split over the rows (split-K):
// partial[s] = sum over the rows of slab s of input^T output_gradient; reduce/sum adds the slabs.
// input [rows][inputs], output_gradient [rows][outputs], partial [slabs][inputs][outputs]; units of 4 channels.
#import grid
#import gemm

struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    column_tiles: u32,
    row_tiles: u32,
    rows_per_slab: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec4<f32>>;

fn store(slab: u32, row: u32, column: u32, sum: vec4<f32>) {
    if row < params.inputs * 4u && column < params.outputs {
        partial[(slab * params.inputs * 4u + row) * params.outputs + column] = sum;
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = linear_group(group_id, grid);
    let tiles = params.column_tiles * params.row_tiles;
    let slab = group / tiles;
    let first_row = ((group % tiles) / params.column_tiles) * 8u;
    let first_column = ((group % tiles) % params.column_tiles) * 8u;
    let begin = slab * params.rows_per_slab;
    let end = min(begin + params.rows_per_slab, params.rows);
    let block = lane / 8u;
    let offset = lane % 8u;
    var c = Accumulator();
    for (var first = begin; first < end; first += 32u) {
        for (var i = 0u; i < 4u; i += 1u) {
            let k = i * 8u + block;
            var a = vec4<f32>(0.0);
            var b = vec4<f32>(0.0);
            if first + k < end {
                if first_row + offset < params.inputs {
                    a = input[(first + k) * params.inputs + first_row + offset];
                }
                if first_column + offset < params.outputs {
                    b = output_gradient[(first + k) * params.outputs + first_column + offset];
                }
            }
            tile_a[k * 8u + offset] = a;
            tile_b[k * 8u + offset] = b;
        }
        workgroupBarrier();
        multiply_tiles(lane, &c);
        workgroupBarrier();
    }
    let row = (first_row + block) * 4u;
    store(slab, row, first_column + offset, c.row0);
    store(slab, row + 1u, first_column + offset, c.row1);
    store(slab, row + 2u, first_column + offset, c.row2);
    store(slab, row + 3u, first_column + offset, c.row3);
}
