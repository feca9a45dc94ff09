// Activations, chosen when the pipeline is made.
// 0 identity; 1 ReLU max(x, 0); 2 hardswish x * clamp(x + 3, 0, 6) / 6;
// 3 hardsigmoid clamp(SLOPE * x + 0.5, 0, 1), SLOPE 1/6 (torch) or 0.2 (Paddle).
// Source: Howard et al., "Searching for MobileNetV3", arXiv 1905.02244, section 5.2.
override ACTIVATION: u32 = 0u;
override SLOPE: f32 = 0.16666667;

// A sixth in two parts: rounded to one number it is off by the same share for all values, which adds up in sums that nearly cancel
// out, such as the gradients of a normalisation, where other roundings do not.
const SIXTH: f32 = 0.1666259765625;
const SIXTH_REST: f32 = 4.0690104166666664e-5;

fn activate(x: vec4<f32>) -> vec4<f32> {
    return activate_by(ACTIVATION, SLOPE, x);
}

fn activate_by(number: u32, slope: f32, x: vec4<f32>) -> vec4<f32> {
    if number == 1u {
        return max(x, vec4<f32>(0.0));
    }
    if number == 2u {
        return x * saturate(x * SIXTH + (x * SIXTH_REST + 0.5));
    }
    if number == 3u {
        return saturate(x * slope + 0.5);
    }
    return x;
}

// d activate(x) / dx; at the kinks the value that PyTorch uses.
fn activation_slope(x: vec4<f32>) -> vec4<f32> {
    let zero = vec4<f32>(0.0);
    let one = vec4<f32>(1.0);
    if ACTIVATION == 1u {
        return select(zero, one, x > zero);
    }
    if ACTIVATION == 2u {
        return select(select(zero, one, x > zero), x * (2.0 * SIXTH) + (x * (2.0 * SIXTH_REST) + 0.5), abs(x) <= vec4<f32>(3.0));
    }
    if ACTIVATION == 3u {
        let y = x * SLOPE + 0.5;
        return select(zero, vec4<f32>(SLOPE), (y > zero) & (y < one));
    }
    return one;
}
