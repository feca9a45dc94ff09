// The number of turns differs between the invocations, and with it the number
// of barriers each of them meets.
@group(0) @binding(0) var<storage, read> turns: array<u32>;
@group(0) @binding(1) var<storage, read_write> output: array<u32>;

var<workgroup> sums: array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(global_invocation_id) id: vec3<u32>) {
    sums[lane] = 0u;
    for (var turn = 0u; turn < turns[lane]; turn++) {
        sums[lane] += turn;
        workgroupBarrier(); // refused here
    }
    output[id.x] = sums[lane];
}
