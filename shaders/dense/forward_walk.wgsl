// dense/forward of images of three channels, which lie in memory as four, as a walk down the rows of a block, see shared/forward_walk:
// the stem, where it leaves no statistics.
#import storage
#import activation
#import forward_walk

@group(0) @binding(0) var<uniform> params: Convolution;
@group(0) @binding(1) var<storage, read> input: array<Value>;
@group(0) @binding(2) var<storage, read> weights: array<Weight>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<Value>;

// Of each tap three lines, one for each input channel.
var<private> taps: array<vec4<f32>, FILTER>;

fn begin(channel: u32) {
    for (var i = 0u; i < turns(KERNEL); i += 1u) {
        #unroll t FILTER
            if t >= FILTER_ROW {
                taps[max(t, FILTER_ROW) - FILTER_ROW] = taps[t];
            }
        #end
        #unroll j KERNEL
            #unroll c 3
                let line = (i * KERNEL + j) * 4u + c;
                taps[FILTER - FILTER_ROW + j * 3u + c] = from_weight(weights[line * params.outputs + channel]);
            #end
        #end
    }
}

fn input_at(pixel: u32, channel: u32) -> vec4<f32> {
    return from_value(input[pixel]);
}

fn met(value: vec4<f32>, tap: u32) -> vec4<f32> {
    return value.x * taps[tap * 3u] + value.y * taps[tap * 3u + 1u] + value.z * taps[tap * 3u + 2u];
}

fn finished(sum: vec4<f32>) -> vec4<f32> {
    return activate(sum);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    walk_down(linear_group(group_id, grid) * 64u + lane);
}
