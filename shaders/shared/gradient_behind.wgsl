// A gradient taken back through the activation of the unit before: g = gradient * activate'(x * scale + shift), x being
// that unit's raw output, with the sums of g and of g x', x' = (x - mean) / deviation, that its normalisation needs.
// The kernel declares `residual` (the gradient that arrives by a skip connection), `raw` and `input_gradient`
// [rows][channels], and `moments` [4][channels].
override HAS_RESIDUAL: bool = false;

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

fn leave(at: u32, channel: u32, value: vec4<f32>) {
    var gradient = value;
    if HAS_RESIDUAL {
        gradient += residual[at];
    }
    let x = raw[at];
    let g = gradient * activation_slope(x * scale + shift);
    input_gradient[at] = g;
    sum += g;
    product += g * ((x - mean) * inverse);
}
