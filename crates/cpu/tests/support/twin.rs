//! The network as a composition of the `f64` twins of `photonet_nn::cpu`.

use photonet_model::{Architecture, Input, Layers, Normalised, Weights, fold};
use photonet_nn::{
    Activation, Dense, Depthwise, Geometry, GlobalPool, Normalise, Pointwise, Shape, SqueezeExcite, cpu,
};

/// What a network makes of one image.
pub struct Truth {
    pub logits: Vec<f64>,
    pub pooled: Vec<f64>,
    pub head: Vec<f64>,
}

struct Twin<'a> {
    architecture: &'a Architecture,
    folded: Weights,
}

/// Runs one image, `[size][size][3]`.
pub fn run(architecture: &Architecture, weights: &Weights, input: &Input, pixels: &[u8]) -> Truth {
    let twin = Twin { architecture, folded: fold(architecture, weights).expect("weights that fit") };
    let layers = Layers::new(architecture);
    let shape = Shape::new(1, input.size, input.size, 3);
    let normalise = Normalise { shape, scale: input.scale, mean: input.mean, std: input.std };
    let image = cpu::input::forward(&normalise, pixels);
    let (mut shape, mut values) = twin.unit(&layers.stem, shape, &image, None);
    for block in &layers.blocks {
        let before = values.clone();
        for unit in block.expand.iter().chain([&block.depthwise]) {
            (shape, values) = twin.unit(unit, shape, &values, None);
        }
        if let Some(hidden) = block.squeeze {
            let name = format!("{}.squeeze", block.name);
            let layer = SqueezeExcite { shape, hidden, slope: architecture.switches.gate_slope };
            let parameters = cpu::squeeze_excite::Parameters {
                reduce_weight: twin.transposed(&format!("{name}.reduce.weight")),
                reduce_bias: twin.tensor(&format!("{name}.reduce.bias")),
                expand_weight: twin.transposed(&format!("{name}.expand.weight")),
                expand_bias: twin.tensor(&format!("{name}.expand.bias")),
            };
            values = cpu::squeeze_excite::forward(&layer, &values, &parameters);
        }
        let residual = block.residual.then_some(before.as_slice());
        (shape, values) = twin.unit(&block.project, shape, &values, residual);
    }
    (shape, values) = twin.unit(&layers.last, shape, &values, None);
    let pooled = cpu::pool::forward(&GlobalPool { input: shape }, &values);
    let bias = architecture.switches.head_bias.then(|| twin.tensor("head.bias"));
    let sizes = [pooled.len(), layers.head];
    let head = twin.product("head.weight", sizes, &pooled, bias.as_deref(), layers.head_activation, None);
    let (bias, sizes) = (twin.tensor("classifier.bias"), [layers.head, architecture.classes]);
    let logits = twin.product("classifier.weight", sizes, &head, Some(&bias), Activation::Identity, None);
    Truth { logits, pooled, head }
}

impl Twin<'_> {
    fn tensor(&self, name: &str) -> Vec<f64> {
        self.folded.tensors[name].data.iter().map(|v| f64::from(*v)).collect()
    }

    /// `[outputs][rest]` to `[rest][outputs]`.
    fn transposed(&self, name: &str) -> Vec<f64> {
        let (values, outputs) = (self.tensor(name), self.folded.tensors[name].shape[0]);
        let rest = values.len() / outputs;
        (0..rest).flat_map(|i| (0..outputs).map(move |o| (i, o))).map(|(i, o)| values[o * rest + i]).collect()
    }

    fn product(
        &self,
        weights: &str,
        [inputs, outputs]: [usize; 2],
        input: &[f64],
        bias: Option<&[f64]>,
        activation: Activation,
        residual: Option<&[f64]>,
    ) -> Vec<f64> {
        let layer = Pointwise { rows: input.len() / inputs, inputs, outputs };
        cpu::pointwise::forward(&layer, input, &self.transposed(weights), bias, activation, residual)
    }

    fn unit(
        &self,
        unit: &Normalised,
        input: Shape,
        values: &[f64],
        residual: Option<&[f64]>,
    ) -> (Shape, Vec<f64>) {
        let padding = self.architecture.switches.padding();
        let (kernel, stride, outputs) = (unit.kernel, unit.stride, unit.outputs);
        let weights = format!("{}.weight", unit.name);
        let bias = self.tensor(&format!("{}.bias", unit.name));
        if unit.depthwise {
            let layer = Depthwise::new(input, kernel, stride, padding).expect("a depthwise layer");
            let weights = self.transposed(&weights);
            let output = cpu::depthwise::forward(&layer, values, &weights, Some(&bias), unit.activation);
            return (layer.output(), output);
        }
        if kernel == 1 {
            let sizes = [unit.inputs, outputs];
            let output = self.product(&weights, sizes, values, Some(&bias), unit.activation, residual);
            return (input.with_channels(outputs), output);
        }
        // `[inputs][taps]` to `[taps][inputs]`, both before `[outputs]`.
        let (flat, taps) = (self.transposed(&weights), kernel * kernel);
        let weights: Vec<f64> = (0..taps)
            .flat_map(|tap| (0..unit.inputs).map(move |c| (c * taps + tap) * outputs))
            .flat_map(|at| flat[at..at + outputs].iter().copied())
            .collect();
        let layer = Dense { geometry: Geometry { input, outputs, kernel, stride, padding } };
        let output = cpu::dense::forward(&layer, values, &weights, Some(&bias), unit.activation);
        (layer.output(), output)
    }
}
