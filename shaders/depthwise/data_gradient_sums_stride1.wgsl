// Gradient of a depthwise convolution of stride 1 with respect to its input, see depthwise_walk, which takes the outputs'
// gradient for its input and the filter turned around; taken back through the unit before, see gradient_behind.
#import depthwise_sums
#import depthwise_walk

// Taken back through the normalisation in the step that loads it: what a compiler sees no use for in a step of the walk it loads at the
// end of the step, which then is waited for.
alias Raw = vec4<f32>;

fn raw_at(at: u32) -> Raw {
    return gradient_of(at, through);
}

fn input_of(raw: Raw) -> vec4<f32> {
    return raw;
}

// The sums need no first value.
fn begin(value: vec4<f32>) {
}

fn gather_block(strip: Strip, group: u32) {
    if has_part(strip) {
        walk(strip);
    }
}
