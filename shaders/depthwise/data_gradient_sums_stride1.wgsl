// Gradient of a depthwise convolution of stride 1 with respect to its input, see depthwise_walk, which takes the outputs'
// gradient for its input and the filter turned around; taken back through the unit before, see gradient_behind.
#import depthwise_sums
#import depthwise_walk

alias Raw = RawGradient;

fn raw_at(at: u32) -> Raw {
    return raw_gradient(at);
}

fn input_of(raw: Raw) -> vec4<f32> {
    return gradient_from(raw, through);
}

// The sums need no first value.
fn begin(value: vec4<f32>) {
}

fn gather_block(strip: Strip) {
    walk(strip);
}
