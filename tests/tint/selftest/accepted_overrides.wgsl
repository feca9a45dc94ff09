// Overrides with and without a default, by name and by number; the word in
// this comment must not count: override unknown: u32;
override channels: u32; /* a block comment: override hidden: u32; /* nested */ */
@id(7) override taps: u32;
override scale: f32 = 0.5;
override channels4 = channels / 4u;
@id(9)
override clamped
    : bool;

@group(0) @binding(0) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    output[id.x] = select(scale, 0.0, clamped) * f32(channels4 + taps);
}
