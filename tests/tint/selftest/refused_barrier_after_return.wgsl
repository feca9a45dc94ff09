// Some invocations leave before the barrier, so the rest of the workgroup waits
// for them in vain on a GPU that takes the barrier at its word.
@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;

var<workgroup> tile: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= arrayLength(&input)) {
        return;
    }
    tile[lane] = input[id.x];
    workgroupBarrier(); // refused here
    output[id.x] = tile[63u - lane];
}
