// The gradient of a convolution's output, as a kernel of the backward pass takes it: as it lies in memory, or the gradient
// behind the batch normalisation that follows the convolution, which goes back through it while it is loaded:
// output_gradient * scale + output * slope + offset.
// The kernel declares output_gradient and output, the convolution's own, [rows][channels], and `coefficients` [3][channels]
// as batch_norm/finalise_gradient leaves them.
override THROUGH_NORM: bool = false;

struct Through {
    scale: vec4<f32>,
    slope: vec4<f32>,
    offset: vec4<f32>,
}

fn through_of(channel: u32, channels: u32) -> Through {
    if THROUGH_NORM {
        return Through(coefficients[channel], coefficients[channels + channel], coefficients[2u * channels + channel]);
    }
    return Through(vec4<f32>(1.0), vec4<f32>(0.0), vec4<f32>(0.0));
}

// What lies in memory of it.
struct RawGradient {
    gradient: Gradient,
    output: Value,
}

fn raw_gradient(at: u32) -> RawGradient {
    if THROUGH_NORM {
        return RawGradient(output_gradient[at], output[at]);
    }
    return RawGradient(output_gradient[at], Value());
}

fn gradient_from(raw: RawGradient, through: Through) -> vec4<f32> {
    return gradient_times(raw, through, 1.0);
}

// For gradients that are taken `factor` times, a power of two: so is the way, which many of them go.
fn through_times(through: Through, factor: f32) -> Through {
    return Through(through.scale * factor, through.slope * factor, through.offset * factor);
}

fn gradient_times(raw: RawGradient, through: Through, factor: f32) -> vec4<f32> {
    let g = from_gradient(raw.gradient);
    if THROUGH_NORM {
        return g * through.scale + from_value(raw.output) * through.slope + through.offset;
    }
    return g * factor;
}

fn gradient_of(at: u32, through: Through) -> vec4<f32> {
    return gradient_from(raw_gradient(at), through);
}
