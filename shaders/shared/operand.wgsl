// What a kernel of the training plan takes as its input: values as they are, or the raw output of the convolution
// before, which is then normalised and activated while it is loaded: activate(x * scale + shift).
// The kernel declares `moments` [4][channels] as batch_norm/finalise leaves them, and imports activation.
override NORMALISED: bool = false;
override INPUT_ACTIVATION: u32 = 0u;

// Of a channel group.
struct Affine {
    scale: vec4<f32>,
    shift: vec4<f32>,
}

fn affine_of(channel: u32, channels: u32) -> Affine {
    if NORMALISED {
        return Affine(moments[2u * channels + channel], moments[3u * channels + channel]);
    }
    return Affine(vec4<f32>(1.0), vec4<f32>(0.0));
}

fn operand_of(x: vec4<f32>, affine: Affine) -> vec4<f32> {
    if NORMALISED {
        return activate_by(INPUT_ACTIVATION, SLOPE, x * affine.scale + affine.shift);
    }
    return x;
}

fn operand(x: vec4<f32>, channel: u32, channels: u32) -> vec4<f32> {
    return operand_of(x, affine_of(channel, channels));
}
