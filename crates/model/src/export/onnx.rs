//! ONNX.
//!
//! Opset 13 with operators that every runtime has: Conv, BatchNormalization, Relu, HardSigmoid, Mul, Add,
//! GlobalAveragePool, Flatten, Gemm and Cast. Hardswish is written as `x * HardSigmoid(x)`, as it is defined.
//! Input: `input`, normalised RGB `[batch, 3, size, size]`. Output: `logits`, `[batch, classes]`.

use super::graph::{Attribute, Graph};
use super::{ExportError, tensor};
use crate::fold::fold;
use crate::layers::{Block, Layers, Normalised};
use crate::{Architecture, Input, Model, ParameterLayout, Weights};
use photonet_nn::Activation;
use photonet_weights::protobuf::Message;

/// The operator set, and the file format's version that came with it.
const OPSET: i64 = 13;
const IR_VERSION: i64 = 7;

/// How an ONNX file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnnxOptions {
    /// Batch normalisation folded into the convolutions, for speed; otherwise as nodes of its own.
    pub folded: bool,
    /// Filters and matrices stored in 16 bits. Everything is computed in 32.
    pub half: bool,
}

struct Writer<'a> {
    graph: Graph,
    architecture: &'a Architecture,
    weights: &'a Weights,
    folded: bool,
}

/// An ONNX file of `model`, for a batch of any number of images of the recipe's size.
///
/// Its metadata holds `labels` (a JSON list), `preprocessing` (the recipe as JSON), `architecture`, and
/// `input` in words.
///
/// # Errors
/// Weights that do not fit, a recipe without a fixed size, or values that 16 bits cannot hold.
pub fn onnx(model: &Model, options: &OnnxOptions) -> Result<Vec<u8>, ExportError> {
    let input = Input::of(&model.recipe)?;
    let weights = if options.folded {
        fold(&model.architecture, &model.weights)?
    } else {
        ParameterLayout::new(&model.architecture).check(&model.weights)?;
        model.weights.clone()
    };
    let mut writer = Writer {
        graph: Graph::new(options.half),
        architecture: &model.architecture,
        weights: &weights,
        folded: options.folded,
    };
    writer.network(input.size)?;
    let image = [3, input.size, input.size];
    let classes = [model.architecture.classes];
    let graph = writer.graph.finish("photonet", ("input", &image), ("logits", &classes));
    let words = format!(
        "RGB, batch x 3 x {0} x {0}, (byte * {1} - {2:?}) / {3:?} per channel",
        input.size, input.scale, input.mean, input.std
    );
    let facts = [
        ("labels", crate::file::json(&model.labels)?),
        ("preprocessing", crate::file::json(&model.recipe)?),
        ("architecture", crate::file::json(&model.architecture)?),
        ("input", words),
    ];
    let facts = facts.map(|(key, value)| Message::new().text(1, key).text(2, &value));
    let file = Message::new()
        .int(1, IR_VERSION)
        .text(2, "photonet")
        .text(3, env!("CARGO_PKG_VERSION"))
        .message(7, &graph)
        .message(8, &Message::new().text(1, "").int(2, OPSET))
        .messages(14, &facts);
    Ok(file.finish())
}

/// Values before and after a kernel's output on one axis, for an input of `size`.
fn pads(architecture: &Architecture, unit: &Normalised, size: usize) -> (usize, usize) {
    if !architecture.switches.same_padding {
        return ((unit.kernel - 1) / 2, (unit.kernel - 1) / 2);
    }
    let outputs = size.div_ceil(unit.stride);
    let total = ((outputs - 1) * unit.stride + unit.kernel).saturating_sub(size);
    // TensorFlow puts the odd one at the end.
    (total / 2, total - total / 2)
}

impl Writer<'_> {
    fn constant(&mut self, name: &str) -> Result<String, ExportError> {
        let found = tensor(self.weights, name);
        Ok(self.graph.constant(name, &found.shape, &found.data)?)
    }

    fn activation(&mut self, name: &str, x: String, activation: Activation) -> String {
        match activation {
            Activation::Identity => x,
            Activation::Relu => self.graph.node("Relu", &format!("{name}.act"), &[&x], &[]),
            Activation::HardSwish => {
                let gate = self.hard_sigmoid(&format!("{name}.gate"), &x, 1.0 / 6.0);
                self.graph.node("Mul", &format!("{name}.act"), &[&x, &gate], &[])
            }
            Activation::HardSigmoid { slope } => self.hard_sigmoid(&format!("{name}.act"), &x, slope),
        }
    }

    fn hard_sigmoid(&mut self, name: &str, x: &str, slope: f32) -> String {
        let attributes = [Attribute::Float("alpha", slope), Attribute::Float("beta", 0.5)];
        self.graph.node("HardSigmoid", name, &[x], &attributes)
    }

    /// A convolution with its normalisation and activation; `size` becomes the output's.
    fn unit(&mut self, unit: &Normalised, x: &str, size: &mut usize) -> Result<String, ExportError> {
        let name = &unit.name;
        let (before, after) = pads(self.architecture, unit, *size);
        let (kernel, stride) = (unit.kernel as i64, unit.stride as i64);
        let (start, end) = (before as i64, after as i64);
        let attributes = [
            Attribute::Ints("kernel_shape", vec![kernel, kernel]),
            Attribute::Ints("strides", vec![stride, stride]),
            Attribute::Ints("pads", vec![start, start, end, end]),
            Attribute::Int("group", if unit.depthwise { unit.outputs as i64 } else { 1 }),
        ];
        *size = (*size + before + after - unit.kernel) / unit.stride + 1;
        let y = if self.folded {
            let weight = self.constant(&format!("{name}.weight"))?;
            let bias = self.constant(&format!("{name}.bias"))?;
            self.graph.node("Conv", &format!("{name}.out"), &[x, &weight, &bias], &attributes)
        } else {
            let weight = self.constant(&format!("{name}.conv.weight"))?;
            let y = self.graph.node("Conv", &format!("{name}.conv"), &[x, &weight], &attributes);
            let mut inputs = vec![y];
            for part in ["weight", "bias", "running_mean", "running_var"] {
                inputs.push(self.constant(&format!("{name}.bn.{part}"))?);
            }
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            let epsilon = [Attribute::Float("epsilon", self.architecture.switches.bn_epsilon)];
            self.graph.node("BatchNormalization", &format!("{name}.bn"), &inputs, &epsilon)
        };
        Ok(self.activation(name, y, unit.activation))
    }

    /// A 1x1 convolution without normalisation.
    fn pointwise(&mut self, name: &str, x: &str, bias: bool) -> Result<String, ExportError> {
        let mut inputs = vec![x.to_string(), self.constant(&format!("{name}.weight"))?];
        if bias {
            inputs.push(self.constant(&format!("{name}.bias"))?);
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let kernel = [Attribute::Ints("kernel_shape", vec![1, 1])];
        Ok(self.graph.node("Conv", &format!("{name}.out"), &inputs, &kernel))
    }

    fn squeeze(&mut self, block: &Block, x: String) -> Result<String, ExportError> {
        let name = format!("{}.squeeze", block.name);
        let pooled = self.graph.node("GlobalAveragePool", &format!("{name}.pool"), &[&x], &[]);
        let hidden = self.pointwise(&format!("{name}.reduce"), &pooled, true)?;
        let hidden = self.activation(&format!("{name}.reduce"), hidden, Activation::Relu);
        let gate = self.pointwise(&format!("{name}.expand"), &hidden, true)?;
        let slope = self.architecture.switches.gate_slope;
        let gate = self.hard_sigmoid(&format!("{name}.gate"), &gate, slope);
        Ok(self.graph.node("Mul", &format!("{name}.out"), &[&x, &gate], &[]))
    }

    fn network(&mut self, mut size: usize) -> Result<(), ExportError> {
        let layers = Layers::new(self.architecture);
        let switches = self.architecture.switches;
        let mut x = self.unit(&layers.stem, "input", &mut size)?;
        for block in &layers.blocks {
            let shortcut = x.clone();
            if let Some(expand) = &block.expand {
                x = self.unit(expand, &x, &mut size)?;
            }
            x = self.unit(&block.depthwise, &x, &mut size)?;
            if block.squeeze.is_some() {
                x = self.squeeze(block, x)?;
            }
            x = self.unit(&block.project, &x, &mut size)?;
            if block.residual {
                x = self.graph.node("Add", &format!("{}.out", block.name), &[&shortcut, &x], &[]);
            }
        }
        x = self.unit(&layers.last, &x, &mut size)?;
        x = self.graph.node("GlobalAveragePool", "pooled", &[&x], &[]);
        x = self.pointwise("head", &x, switches.head_bias)?;
        x = self.activation("head", x, layers.head_activation);
        x = self.graph.node("Flatten", "features", &[&x], &[Attribute::Int("axis", 1)]);
        if switches.downscale_in_infer && !self.folded {
            let keep = self.graph.constant("dropout.keep", &[], &[1.0 - switches.dropout])?;
            x = self.graph.node("Mul", "dropout", &[&x, &keep], &[]);
        }
        let (weight, bias) = (self.constant("classifier.weight")?, self.constant("classifier.bias")?);
        self.graph.node("Gemm", "logits", &[&x, &weight, &bias], &[Attribute::Int("transB", 1)]);
        Ok(())
    }
}
