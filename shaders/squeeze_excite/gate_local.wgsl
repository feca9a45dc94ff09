// squeeze_excite/gate for GPUs: one image to a workgroup, whose invocations meet in workgroup memory. (Storage written by one
// invocation is only sure to be seen by another where the driver is told so, which wgpu does not do natively.)
// The means, hidden and the pieces must fit there: channels + hidden <= 768 groups.
#import grid
#import gate_products

var<workgroup> local: array<vec4<f32>, 1024>;

fn meet() {
    workgroupBarrier();
}

fn put_mean(of_image: u32, c: u32, value: vec4<f32>) {
    local[LANES + c] = value;
}

fn mean(of_image: u32, c: u32) -> vec4<f32> {
    return local[LANES + c];
}

fn put_hidden(of_image: u32, k: u32, value: vec4<f32>) {
    local[LANES + params.channels + k] = value;
}

fn hidden(of_image: u32, k: u32) -> vec4<f32> {
    return local[LANES + params.channels + k];
}

fn leave_pieces(lane: u32, sums: array<vec4<f32>, IMAGES>) {
    local[lane] = sums[0];
}

fn joined(of_image: u32, columns: Columns) -> vec4<f32> {
    var sum = local[columns.own];
    for (var piece = 1u; piece < columns.pieces; piece += 1u) {
        sum += local[piece * columns.width + columns.own];
    }
    return sum;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_image = linear_group(group_id, grid) * IMAGES;
    if first_image >= params.images {
        return;
    }
    make_gates(first_image, lane);
}
