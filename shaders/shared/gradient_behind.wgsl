// A gradient taken back through the activation of the unit before: g = gradient * activate'(x * scale + shift), x being
// that unit's raw output, with the sums of g and of g x', x' = (x - mean) / deviation, that its normalisation needs.
// Bound here: what the kernel makes the gradient of, the convolution's weights, output_gradient and what gradient_operand asks
// for; raw and input_gradient [rows][channels], moments [4][channels], partial [slabs][2][channels].
@group(0) @binding(1) var<storage, read> output_gradient: array<Gradient>;
@group(0) @binding(2) var<storage, read> output: array<Value>;
@group(0) @binding(3) var<storage, read> coefficients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> raw: array<Value>;
@group(0) @binding(6) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> input_gradient: array<Gradient>;
@group(0) @binding(8) var<storage, read_write> partial: array<vec4<f32>>;

// Whether input_gradient has what arrives by a skip connection, to which this gradient is added.
override ADDS: bool = false;

var<private> mean: vec4<f32>;
var<private> inverse: vec4<f32>;
var<private> scale: vec4<f32>;
var<private> shift: vec4<f32>;
var<private> sum: vec4<f32>;
var<private> product: vec4<f32>;

fn load_moments(channel: u32, channels: u32) {
    mean = moments[channel];
    inverse = moments[channels + channel];
    scale = moments[2u * channels + channel];
    shift = moments[3u * channels + channel];
}

// What `leave` needs of memory: where many values are left, all of theirs is to be on its way before the first is waited for.
struct Ahead {
    // What has arrived already.
    gradient: vec4<f32>,
    raw: vec4<f32>,
}

// The same as it lies in memory.
struct Arriving {
    gradient: Gradient,
    raw: Value,
}

fn arriving_at(at: u32) -> Arriving {
    var gradient: Gradient;
    if ADDS {
        gradient = input_gradient[at];
    }
    return Arriving(gradient, raw[at]);
}

fn ahead_from(arriving: Arriving) -> Ahead {
    return Ahead(from_gradient(arriving.gradient), from_value(arriving.raw));
}

fn ahead_of(at: u32) -> Ahead {
    return ahead_from(arriving_at(at));
}

// The second of the two sums.
fn weighted_sum() -> vec4<f32> {
    return product * inverse;
}

fn leave(at: u32, value: vec4<f32>, ahead: Ahead, inside: bool) {
    let whole = (value + ahead.gradient) * activation_slope(ahead.raw * scale + shift);
    let g = select(vec4<f32>(0.0), whole, inside);
    let stored = to_gradient(g);
    if inside {
        input_gradient[at] = stored;
    }
    sum += g;
    product += g * (ahead.raw - mean);
}
