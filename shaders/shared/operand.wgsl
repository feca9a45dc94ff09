// What a kernel of the training plan takes as its input: values as they are, or the raw output of the convolution
// before, which is then normalised and activated while it is loaded: activate(x * scale + shift).
// The kernel declares `moments` [4][channels] as batch_norm/finalise leaves them, and imports activation.
override NORMALISED: bool = false;
override INPUT_ACTIVATION: u32 = 0u;

fn operand(x: vec4<f32>, channel: u32, channels: u32) -> vec4<f32> {
    if NORMALISED {
        return operand_of(x, moments[2u * channels + channel], moments[3u * channels + channel]);
    }
    return x;
}

// With scale and shift at hand.
fn operand_of(x: vec4<f32>, scale: vec4<f32>, shift: vec4<f32>) -> vec4<f32> {
    if NORMALISED {
        return activate_by(INPUT_ACTIVATION, SLOPE, x * scale + shift);
    }
    return x;
}
