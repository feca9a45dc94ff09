//! What a network holds and costs, layer by layer.

use crate::layers::Layers;
use crate::{Architecture, ParameterLayout};
use photonet_nn::{Geometry, Shape};

/// One line of a summary; sizes are for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSummary {
    /// Name.
    pub name: String,
    /// What it is, such as `depthwise 5x5 /2`.
    pub kind: String,
    /// Output height, width, channels.
    pub output: (usize, usize, usize),
    /// Trained parameters.
    pub parameters: usize,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes of the output in `f32`.
    pub activation_bytes: u64,
}

/// A whole network's summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// In order.
    pub layers: Vec<LayerSummary>,
    /// Trained parameters.
    pub parameters: usize,
    /// Values of running statistics.
    pub statistics: usize,
    /// Multiply-accumulates for one image: convolutions, squeeze-excite products, head and classifier.
    pub macs: u64,
    /// Bytes of all outputs in `f32`.
    pub activation_bytes: u64,
}

/// Summarises `architecture` for square images of `size` pixels.
pub fn summarise(architecture: &Architecture, size: usize) -> Summary {
    let layers = Layers::new(architecture);
    let layout = ParameterLayout::new(architecture);
    let count = |prefix: &str| -> usize {
        let of_layer = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
        layout.parameters.iter().filter(|p| of_layer(&p.name)).map(|p| p.file_elements()).sum()
    };
    let mut lines: Vec<LayerSummary> = Vec::new();
    let mut shape = Shape::new(1, size, size, 3);
    let line = |name: &str, kind: String, output: Shape, macs: usize| LayerSummary {
        name: name.into(),
        kind,
        output: (output.height, output.width, output.channels),
        parameters: count(name),
        macs: macs as u64,
        activation_bytes: (output.rows() * output.channels * 4) as u64,
    };
    let mut units: Vec<(&crate::Normalised, Option<usize>)> = vec![(&layers.stem, None)];
    for block in &layers.blocks {
        units.extend(block.expand.iter().map(|e| (e, None)));
        units.push((&block.depthwise, block.squeeze));
        units.push((&block.project, None));
    }
    units.push((&layers.last, None));
    for (unit, squeeze) in units {
        let output = Geometry {
            input: shape,
            outputs: unit.outputs,
            kernel: unit.kernel,
            stride: unit.stride,
            padding: architecture.switches.padding(),
        }
        .output();
        let depth = if unit.depthwise { 1 } else { unit.inputs };
        let macs = output.rows() * unit.outputs * depth * unit.kernel * unit.kernel;
        let step = if unit.stride > 1 { format!(" /{}", unit.stride) } else { String::new() };
        let kind = if unit.depthwise { "depthwise" } else { "conv" };
        lines.push(line(&unit.name, format!("{kind} {k}x{k}{step}", k = unit.kernel), output, macs));
        if let Some(hidden) = squeeze {
            let name = unit.name.replace("depthwise", "squeeze");
            let macs = 2 * hidden * unit.outputs;
            lines.push(line(&name, format!("squeeze-excite {hidden}"), output, macs));
        }
        shape = output;
    }
    let (last, head) = (layers.last.outputs, layers.head);
    lines.push(line("pool", "global average pool".into(), Shape::vector(1, last), 0));
    lines.push(line("head", "linear".into(), Shape::vector(1, head), last * head));
    let classes = architecture.classes;
    lines.push(line("classifier", "linear".into(), Shape::vector(1, classes), head * classes));
    Summary {
        parameters: layout.parameter_count(),
        statistics: layout.statistics.iter().map(|s| s.file_elements()).sum(),
        macs: lines.iter().map(|l| l.macs).sum(),
        activation_bytes: lines.iter().map(|l| l.activation_bytes).sum(),
        layers: lines,
    }
}
