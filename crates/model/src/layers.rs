//! The layers of an architecture, with every width worked out.
//!
//! Tables: Howard et al., "Searching for MobileNetV3", arXiv 1905.02244, tables 1 and 2.

use crate::{Architecture, Expansion, HeadWidth, LastWidth, SqueezeWidth, Variant};
use photonet_nn::Activation;

/// One row of the paper's tables.
struct Row {
    kernel: usize,
    expanded: usize,
    /// timm's form of the same: expanded over input.
    ratio: f64,
    output: usize,
    squeeze: bool,
    hard: bool,
    stride: usize,
}

const fn row(
    kernel: usize,
    expanded: usize,
    ratio: f64,
    output: usize,
    squeeze: bool,
    hard: bool,
    stride: usize,
) -> Row {
    Row { kernel, expanded, ratio, output, squeeze, hard, stride }
}

const LARGE: [Row; 15] = [
    row(3, 16, 1.0, 16, false, false, 1),
    row(3, 64, 4.0, 24, false, false, 2),
    row(3, 72, 3.0, 24, false, false, 1),
    row(5, 72, 3.0, 40, true, false, 2),
    row(5, 120, 3.0, 40, true, false, 1),
    row(5, 120, 3.0, 40, true, false, 1),
    row(3, 240, 6.0, 80, false, true, 2),
    row(3, 200, 2.5, 80, false, true, 1),
    row(3, 184, 2.3, 80, false, true, 1),
    row(3, 184, 2.3, 80, false, true, 1),
    row(3, 480, 6.0, 112, true, true, 1),
    row(3, 672, 6.0, 112, true, true, 1),
    row(5, 672, 6.0, 160, true, true, 2),
    row(5, 960, 6.0, 160, true, true, 1),
    row(5, 960, 6.0, 160, true, true, 1),
];

const SMALL: [Row; 11] = [
    row(3, 16, 1.0, 16, true, false, 2),
    row(3, 72, 4.5, 24, false, false, 2),
    row(3, 88, 3.67, 24, false, false, 1),
    row(5, 96, 4.0, 40, true, true, 2),
    row(5, 240, 6.0, 40, true, true, 1),
    row(5, 240, 6.0, 40, true, true, 1),
    row(5, 120, 3.0, 48, true, true, 1),
    row(5, 144, 3.0, 48, true, true, 1),
    row(5, 288, 6.0, 96, true, true, 2),
    row(5, 576, 6.0, 96, true, true, 1),
    row(5, 576, 6.0, 96, true, true, 1),
];

/// Rounds to a multiple of 8, never losing more than a tenth.
fn make_divisible(value: f64) -> usize {
    let rounded = (((value + 4.0) as usize) / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * value { rounded + 8 } else { rounded }
}

/// A convolution with its batch normalisation and activation.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalised {
    /// Name, such as `blocks.3.expand`.
    pub name: String,
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step between outputs.
    pub stride: usize,
    /// Whether every channel has a filter of its own.
    pub depthwise: bool,
    /// What follows the normalisation.
    pub activation: Activation,
}

/// An inverted residual block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Name, such as `blocks.3`.
    pub name: String,
    /// Expanding 1x1 convolution, where there is one.
    pub expand: Option<Normalised>,
    /// Depthwise convolution.
    pub depthwise: Normalised,
    /// Hidden channels of squeeze-excite, where there is one; it follows the depthwise activation.
    pub squeeze: Option<usize>,
    /// Projecting 1x1 convolution, without activation.
    pub project: Normalised,
    /// Whether the block's input is added to its output.
    pub residual: bool,
}

/// All layers of a network in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Layers {
    /// 3x3 convolution of stride 2.
    pub stem: Normalised,
    /// Inverted residual blocks.
    pub blocks: Vec<Block>,
    /// Last 1x1 convolution, before the global pool.
    pub last: Normalised,
    /// Channels of the hidden layer between pool and classifier.
    pub head: usize,
    /// What follows the hidden layer.
    pub head_activation: Activation,
}

impl Layers {
    /// Works out the layers of `architecture`.
    pub fn new(architecture: &Architecture) -> Self {
        let switches = &architecture.switches;
        let width = architecture.width;
        let hard = if switches.minimal { Activation::Relu } else { Activation::HardSwish };
        let scaled = |channels: usize| make_divisible(channels as f64 * width);
        let stem_width = if switches.fixed_narrow_stem && width < 0.75 { 16 } else { scaled(16) };
        let unit = |name: String, inputs, outputs, kernel, stride, activation| Normalised {
            name,
            inputs,
            outputs,
            kernel,
            stride,
            depthwise: false,
            activation,
        };
        let mut input = stem_width;
        let (rows, last_width, head_width): (&[Row], usize, usize) = match architecture.variant {
            Variant::Large => (&LARGE, 960, 1280),
            Variant::Small => (&SMALL, 576, 1024),
        };
        let mut blocks = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let name = format!("blocks.{index}");
            let expanded = match switches.expansion {
                Expansion::Scaled => scaled(row.expanded),
                // timm's first block never expands, whatever its ratio would round to.
                Expansion::Ratio if index == 0 => input,
                Expansion::Ratio => make_divisible(input as f64 * row.ratio),
            };
            let output = scaled(row.output);
            let kernel = if switches.minimal { 3 } else { row.kernel };
            let activation = if row.hard { hard } else { Activation::Relu };
            let has_expand = switches.always_expand || expanded != input;
            let hidden = match switches.squeeze {
                SqueezeWidth::Quarter => expanded / 4,
                SqueezeWidth::RoundedQuarter => make_divisible((expanded / 4) as f64),
            };
            blocks.push(Block {
                expand: has_expand.then(|| unit(format!("{name}.expand"), input, expanded, 1, 1, activation)),
                depthwise: Normalised {
                    depthwise: true,
                    ..unit(format!("{name}.depthwise"), expanded, expanded, kernel, row.stride, activation)
                },
                squeeze: (row.squeeze && !switches.minimal).then_some(hidden.max(1)),
                project: unit(format!("{name}.project"), expanded, output, 1, 1, Activation::Identity),
                residual: row.stride == 1 && input == output,
                name,
            });
            input = output;
        }
        let last = match switches.last {
            LastWidth::Scaled => scaled(last_width),
            LastWidth::SixTimesOutput => 6 * input,
        };
        let head = match switches.head {
            HeadWidth::Always1280 => 1280,
            HeadWidth::Fixed => head_width,
            HeadWidth::Scaled => scaled(head_width),
        };
        Self {
            stem: unit("stem".into(), 3, stem_width, 3, 2, hard),
            blocks,
            last: unit("last".into(), input, last, 1, 1, hard),
            head,
            head_activation: hard,
        }
    }

    /// Every convolution with batch normalisation, in order.
    pub fn normalised(&self) -> impl Iterator<Item = &Normalised> {
        std::iter::once(&self.stem)
            .chain(self.blocks.iter().flat_map(|b| b.expand.iter().chain([&b.depthwise, &b.project])))
            .chain([&self.last])
    }
}
