//! From an architecture and its folded weights to the list of steps.

use super::{CpuNetwork, EXPANDED, FILTERED, LayerKind, NARROW, Operation, Outputs, Scratch, Step};
use crate::buffer::{Buffer, pad};
use crate::kernel::{Kernels, Rows};
use crate::layer::{Depthwise, Pointwise, SqueezeExcite, Stem};
use crate::{CpuError, Instructions};
use photonet_model::{Architecture, Block, HostTensor, Input, Layers, Normalised, Weights, fold};
use photonet_nn::{Activation, Geometry, Shape};

struct Builder<'a> {
    kernels: &'static Kernels,
    architecture: &'a Architecture,
    folded: Weights,
    steps: Vec<Step>,
    /// Values that each feature map must hold.
    lengths: [usize; 4],
    /// The most channels that are summed over positions.
    channels: usize,
}

impl CpuNetwork {
    /// Folds and packs `weights` for the fastest instructions at hand.
    ///
    /// # Errors
    /// Weights that do not fit, a size the network cannot take, a normalisation that is not finite.
    pub fn new(architecture: &Architecture, weights: &Weights, input: &Input) -> Result<Self, CpuError> {
        Self::with_instructions(architecture, weights, input, Instructions::best())
    }

    /// As [`CpuNetwork::new`], for a chosen instruction set.
    ///
    /// # Errors
    /// As [`CpuNetwork::new`]; instructions that this CPU or this build lacks.
    pub fn with_instructions(
        architecture: &Architecture,
        weights: &Weights,
        input: &Input,
        instructions: Instructions,
    ) -> Result<Self, CpuError> {
        let kernels = instructions.kernels().ok_or(CpuError::Instructions(instructions))?;
        architecture.check_size(input.size)?;
        check_normalisation(input)?;
        let folded = fold(architecture, weights)?;
        let mut builder =
            Builder { kernels, architecture, folded, steps: Vec::new(), lengths: [0; 4], channels: 0 };
        let layers = Layers::new(architecture);
        builder.network(&layers, input);
        let sizes = [architecture.classes, layers.last.outputs, layers.head];
        let [logits, pooled, head] = sizes.map(Buffer::zeros);
        Ok(Self {
            kernels,
            instructions,
            input: *input,
            steps: builder.steps,
            scratch: Scratch {
                maps: builder.lengths.map(Buffer::zeros),
                sums: Buffer::zeros(builder.channels),
                pooled,
                head,
                logits,
            },
            sizes,
            outputs: Outputs::default(),
        })
    }
}

fn check_normalisation(input: &Input) -> Result<(), CpuError> {
    let finite = input.scale.is_finite() && input.mean.iter().chain(&input.std).all(|v| v.is_finite());
    if finite && input.std.iter().all(|deviation| *deviation > 0.0) {
        return Ok(());
    }
    let Input { scale, mean, std, .. } = input;
    Err(CpuError::Normalisation(format!("scale {scale}, mean {mean:?}, standard deviation {std:?}")))
}

impl Builder<'_> {
    /// A folded tensor; `fold` has made one for every layer of the architecture.
    fn tensor(&self, name: &str) -> &[f32] {
        self.folded.get(name).map_or(&[], |HostTensor { data, .. }| data)
    }

    fn step(&mut self, name: &str, kind: LayerKind, operation: Operation) {
        self.steps.push(Step { name: name.into(), kind, operation });
    }

    fn geometry(&self, unit: &Normalised, input: Shape) -> Geometry {
        let padding = self.architecture.switches.padding();
        Geometry { input, outputs: unit.outputs, kernel: unit.kernel, stride: unit.stride, padding }
    }

    /// Makes sure that map `slot` can hold `shape`.
    fn reserve(&mut self, slot: usize, shape: Shape) {
        self.lengths[slot] = self.lengths[slot].max(shape.pixels() * pad(shape.channels));
    }

    fn network(&mut self, layers: &Layers, input: &Input) {
        let mut shape = self.stem(&layers.stem, input);
        let mut narrow = NARROW;
        for block in &layers.blocks {
            shape = self.block(block, shape, &mut narrow);
        }
        shape = self.pointwise(&layers.last, shape, narrow, EXPANDED, None);
        let (channels, head, classes) = (shape.channels, layers.head, self.architecture.classes);
        self.step("pool", LayerKind::Pool, Operation::Pool { pixels: shape.pixels(), from: EXPANDED });
        let bias = self.architecture.switches.head_bias.then(|| self.tensor("head.bias"));
        let dense = |sizes, weights, bias, activation| {
            Pointwise::new(self.kernels, Rows::One, sizes, weights, bias, activation)
        };
        let hidden = dense([channels, head], self.tensor("head.weight"), bias, layers.head_activation);
        let weights = self.tensor("classifier.weight");
        let bias = Some(self.tensor("classifier.bias"));
        let classifier = dense([head, classes], weights, bias, Activation::Identity);
        self.step("head", LayerKind::Dense, Operation::Head(hidden));
        self.step("classifier", LayerKind::Dense, Operation::Classifier(classifier));
    }

    fn stem(&mut self, unit: &Normalised, input: &Input) -> Shape {
        let geometry = self.geometry(unit, Shape::new(1, input.size, input.size, unit.inputs));
        let weights = self.tensor("stem.weight");
        let layer =
            Stem::new(self.kernels, geometry, input, weights, self.tensor("stem.bias"), unit.activation);
        self.step(&unit.name, LayerKind::Stem, Operation::Stem { layer, to: NARROW });
        self.reserve(NARROW, geometry.output());
        geometry.output()
    }

    /// Appends a block whose input is in map `narrow`, which becomes the map of its output.
    fn block(&mut self, block: &Block, input: Shape, narrow: &mut usize) -> Shape {
        let (mut shape, mut from) = (input, *narrow);
        if let Some(expand) = &block.expand {
            shape = self.pointwise(expand, shape, from, EXPANDED, None);
            from = EXPANDED;
        }
        let geometry = self.geometry(&block.depthwise, shape);
        shape = geometry.output();
        let name = &block.depthwise.name;
        let weights = self.tensor(&format!("{name}.weight"));
        let bias = self.tensor(&format!("{name}.bias"));
        let layer = Depthwise::new(geometry, weights, bias, block.depthwise.activation);
        let summed = block.squeeze.is_some();
        self.step(name, LayerKind::Depthwise, Operation::Depthwise { layer, from, to: FILTERED, summed });
        self.reserve(FILTERED, shape);
        if let Some(hidden) = block.squeeze {
            let name = format!("{}.squeeze", block.name);
            let of = |part: &str| self.tensor(&format!("{name}.{part}"));
            let sizes = [shape.channels, hidden];
            let reduce = [of("reduce.weight"), of("reduce.bias")];
            let expand = [of("expand.weight"), of("expand.bias")];
            let slope = self.architecture.switches.gate_slope;
            let layer = SqueezeExcite::new(self.kernels, sizes, reduce, expand, slope);
            let operation = Operation::SqueezeExcite { layer, pixels: shape.pixels(), map: FILTERED };
            self.step(&name, LayerKind::SqueezeExcite, operation);
            self.channels = self.channels.max(shape.channels);
        }
        let to = NARROW + 1 - *narrow;
        let residual = block.residual.then_some(*narrow);
        *narrow = to;
        self.pointwise(&block.project, shape, FILTERED, to, residual)
    }

    fn pointwise(
        &mut self,
        unit: &Normalised,
        input: Shape,
        from: usize,
        to: usize,
        residual: Option<usize>,
    ) -> Shape {
        let weights = self.tensor(&format!("{}.weight", unit.name));
        let bias = Some(self.tensor(&format!("{}.bias", unit.name)));
        let sizes = [unit.inputs, unit.outputs];
        let layer = Pointwise::new(self.kernels, Rows::Many, sizes, weights, bias, unit.activation);
        let rows = input.pixels();
        self.step(&unit.name, LayerKind::Pointwise, Operation::Pointwise { layer, rows, from, to, residual });
        let output = input.with_channels(unit.outputs);
        self.reserve(to, output);
        output
    }
}
