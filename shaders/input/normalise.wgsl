// Photo bytes to the network's input: output[pixel] = byte * scale[channel] + shift[channel], fourth channel 0.
// input: 8-bit RGB, three bytes a pixel without gaps, four bytes to a u32, first byte lowest.
#import storage
#import grid

struct Params {
    scale: vec4<f32>,
    shift: vec4<f32>,
    pixels: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<Value>;

fn byte_at(index: u32) -> f32 {
    return f32((input[index / 4u] >> ((index % 4u) * 8u)) & 0xffu);
}

// Pixels of an invocation, a workgroup's invocations apart: one is over before the next workgroup is begun.
const PIXELS: u32 = 4u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = linear_group(group_id, grid) * (64u * PIXELS) + lane;
    var pixels: array<vec4<f32>, PIXELS>;
    #unroll p 4
        let byte = min(first + 64u * p, params.pixels - 1u) * 3u;
        pixels[p] = vec4<f32>(byte_at(byte), byte_at(byte + 1u), byte_at(byte + 2u), 0.0);
    #end
    #unroll p 4
        let at = first + 64u * p;
        if at < params.pixels {
            output[at] = to_value(pixels[p] * params.scale + params.shift);
        }
    #end
}
