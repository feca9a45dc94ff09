// A valid module, but 512 invocations are twice what every device must offer:
// only making the pipeline shows it.
override size: u32 = 512u;

@group(0) @binding(0) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(size)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    output[id.x] = id.x;
}
