//! Where each parameter lies in the flat device buffers, and the way between them and files.

use crate::layers::{Layers, Normalised};
use crate::{Architecture, Decay, HostTensor, ModelError, Tuning, Weights};
use photonet_nn::{Optimiser, pad_channels};

/// The layout of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// File `[outputs][inputs][k][k]`, device `[k][k][inputs][outputs]`.
    Dense,
    /// File `[channels][1][k][k]`, device `[k][k][channels]`.
    Depthwise,
    /// File `[outputs][inputs][1][1]`, device `[inputs][outputs]`.
    Pointwise,
    /// File `[outputs][inputs]`, device `[inputs][outputs]`.
    Linear,
    /// `[channels]` in both.
    Vector,
}

/// One parameter or running statistic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Name in model files.
    pub name: String,
    /// Layout.
    pub kind: ParameterKind,
    /// Shape in files, without padding.
    pub shape: Vec<usize>,
    /// First element in its flat buffer, a multiple of 64.
    pub offset: usize,
    /// Elements on the device, padding included.
    pub elements: usize,
    /// Whether weight decay acts on it, where batch normalisation is spared.
    pub decay: bool,
}

/// The layout of two flat buffers: trained parameters, and running statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterLayout {
    architecture: String,
    /// Trained parameters in order.
    pub parameters: Vec<ParameterSpec>,
    /// Running mean and variance of every batch normalisation, mean directly before variance.
    pub statistics: Vec<ParameterSpec>,
    /// Length of the flat parameter buffer in `f32`.
    pub parameter_length: usize,
    /// Length of the flat statistics buffer in `f32`.
    pub statistics_length: usize,
}

impl ParameterSpec {
    fn new(name: String, kind: ParameterKind, shape: Vec<usize>, decay: bool) -> Self {
        let outer = pad_channels(shape[0]);
        let elements = match kind {
            ParameterKind::Dense => shape[2] * shape[3] * pad_channels(shape[1]) * outer,
            ParameterKind::Depthwise => shape[2] * shape[3] * outer,
            ParameterKind::Pointwise | ParameterKind::Linear => pad_channels(shape[1]) * outer,
            ParameterKind::Vector => outer,
        };
        Self { name, kind, shape, offset: 0, elements, decay }
    }

    /// Elements in files, without padding.
    pub fn file_elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Inputs and taps of each output in files, and the inputs that the device has for each tap.
    fn dimensions(&self) -> (usize, usize, usize) {
        match self.kind {
            ParameterKind::Vector => (1, 1, 1),
            ParameterKind::Pointwise | ParameterKind::Linear => (self.shape[1], 1, self.shape[1]),
            ParameterKind::Depthwise => (1, self.shape[2] * self.shape[3], 1),
            ParameterKind::Dense => {
                (self.shape[1], self.shape[2] * self.shape[3], pad_channels(self.shape[1]))
            }
        }
    }

    /// Calls `visit` with the index in files and on the device of every element.
    ///
    /// Neighbours on the device are far from each other in files and the other way round, so the elements come in blocks
    /// of outputs, which a processor's caches hold in both.
    fn each(&self, mut visit: impl FnMut(usize, usize)) {
        const BLOCK: usize = 4;
        let outputs = self.shape[0];
        let (inputs, taps, depth) = self.dimensions();
        let width = pad_channels(outputs);
        for first in (0..outputs).step_by(BLOCK) {
            for i in 0..inputs {
                for t in 0..taps {
                    for o in first..(first + BLOCK).min(outputs) {
                        visit((o * inputs + i) * taps + t, (t * depth + i) * width + o);
                    }
                }
            }
        }
    }

    /// Writes file values to their places in the flat buffer.
    fn pack(&self, values: &[f32], flat: &mut [f32]) {
        let place = &mut flat[self.offset..self.offset + self.elements];
        self.each(|file, device| place[device] = values[file]);
    }

    /// Reads file values from their places in the flat buffer.
    pub(crate) fn unpack(&self, flat: &[f32]) -> HostTensor {
        let place = &flat[self.offset..self.offset + self.elements];
        let mut data = vec![0.0; self.file_elements()];
        self.each(|file, device| data[file] = place[device]);
        HostTensor { shape: self.shape.clone(), data }
    }
}

/// One tensor in device layout, its kind read off its shape.
pub(crate) fn to_device(name: &str, tensor: &HostTensor) -> Vec<f32> {
    let kind = match tensor.shape.as_slice() {
        [_] => ParameterKind::Vector,
        [_, _] => ParameterKind::Linear,
        // Only depthwise filters have one input and a kernel larger than 1.
        [_, 1, k, _] if *k > 1 => ParameterKind::Depthwise,
        [_, _, 1, 1] => ParameterKind::Pointwise,
        _ => ParameterKind::Dense,
    };
    let spec = ParameterSpec::new(name.into(), kind, tensor.shape.clone(), false);
    let mut flat = vec![0.0; spec.elements];
    spec.pack(&tensor.data, &mut flat);
    flat
}

impl ParameterLayout {
    /// The layout of `architecture`'s parameters.
    pub fn new(architecture: &Architecture) -> Self {
        let layers = Layers::new(architecture);
        let mut layout = Self {
            architecture: architecture.to_string(),
            parameters: Vec::new(),
            statistics: Vec::new(),
            parameter_length: 0,
            statistics_length: 0,
        };
        layout.add_normalised(&layers.stem);
        for block in &layers.blocks {
            if let Some(expand) = &block.expand {
                layout.add_normalised(expand);
            }
            layout.add_normalised(&block.depthwise);
            if let Some(hidden) = block.squeeze {
                let channels = block.depthwise.outputs;
                let name = |part: &str| format!("{}.squeeze.{part}", block.name);
                layout.add(
                    name("reduce.weight"),
                    ParameterKind::Pointwise,
                    vec![hidden, channels, 1, 1],
                    true,
                );
                layout.add(name("reduce.bias"), ParameterKind::Vector, vec![hidden], true);
                layout.add(
                    name("expand.weight"),
                    ParameterKind::Pointwise,
                    vec![channels, hidden, 1, 1],
                    true,
                );
                layout.add(name("expand.bias"), ParameterKind::Vector, vec![channels], true);
            }
            layout.add_normalised(&block.project);
        }
        layout.add_normalised(&layers.last);
        let (head, last) = (layers.head, layers.last.outputs);
        layout.add("head.weight".into(), ParameterKind::Pointwise, vec![head, last, 1, 1], true);
        if architecture.switches.head_bias {
            layout.add("head.bias".into(), ParameterKind::Vector, vec![head], true);
        }
        let classes = architecture.classes;
        layout.add("classifier.weight".into(), ParameterKind::Linear, vec![classes, head], true);
        layout.add("classifier.bias".into(), ParameterKind::Vector, vec![classes], true);
        layout
    }

    fn add_normalised(&mut self, unit: &Normalised) {
        let (o, i, k) = (unit.outputs, unit.inputs, unit.kernel);
        let (kind, shape) = match (unit.depthwise, k) {
            (true, _) => (ParameterKind::Depthwise, vec![o, 1, k, k]),
            (false, 1) => (ParameterKind::Pointwise, vec![o, i, 1, 1]),
            (false, _) => (ParameterKind::Dense, vec![o, i, k, k]),
        };
        self.add(format!("{}.conv.weight", unit.name), kind, shape, true);
        self.add(format!("{}.bn.weight", unit.name), ParameterKind::Vector, vec![o], false);
        self.add(format!("{}.bn.bias", unit.name), ParameterKind::Vector, vec![o], false);
        // One kernel binding covers both statistics, so only the pair is aligned.
        for (part, name) in ["running_mean", "running_var"].into_iter().enumerate() {
            let mut spec =
                ParameterSpec::new(format!("{}.bn.{name}", unit.name), ParameterKind::Vector, vec![o], false);
            spec.offset = self.statistics_length + part * spec.elements;
            self.statistics.push(spec);
        }
        self.statistics_length += (2 * pad_channels(o)).next_multiple_of(Optimiser::BLOCK);
    }

    fn add(&mut self, name: String, kind: ParameterKind, shape: Vec<usize>, decay: bool) {
        let mut spec = ParameterSpec::new(name, kind, shape, decay);
        spec.offset = self.parameter_length;
        self.parameter_length += spec.elements.next_multiple_of(Optimiser::BLOCK);
        self.parameters.push(spec);
    }

    /// Parameters and statistics.
    pub fn all(&self) -> impl Iterator<Item = &ParameterSpec> {
        self.parameters.iter().chain(&self.statistics)
    }

    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&ParameterSpec> {
        self.parameters.iter().find(|p| p.name == name)
    }

    /// Trained parameters in files, without padding.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(ParameterSpec::file_elements).sum()
    }

    /// Checks that `weights` has exactly the tensors of this layout, in shape and name.
    ///
    /// # Errors
    /// Lists what is missing, superfluous or of another shape.
    pub fn check(&self, weights: &Weights) -> Result<(), ModelError> {
        let mut problems = Vec::new();
        for spec in self.all() {
            match weights.get(&spec.name) {
                None => problems.push(format!("{} is missing", spec.name)),
                Some(t) if t.shape != spec.shape || t.data.len() != spec.file_elements() => {
                    problems.push(format!("{} is {:?}, expected {:?}", spec.name, t.shape, spec.shape));
                }
                Some(_) => {}
            }
        }
        for name in weights.tensors.keys() {
            if !self.all().any(|s| s.name == *name) {
                problems.push(format!("{name} is unexpected"));
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        let more = problems.len().saturating_sub(4);
        problems.truncate(4);
        if more > 0 {
            problems.push(format!("and {more} more"));
        }
        Err(ModelError::Weights { architecture: self.architecture.clone(), details: problems.join("; ") })
    }

    /// The flat parameter and statistics buffers for `weights`.
    ///
    /// # Errors
    /// As [`ParameterLayout::check`].
    pub fn pack(&self, weights: &Weights) -> Result<(Vec<f32>, Vec<f32>), ModelError> {
        self.check(weights)?;
        let mut parameters = vec![0.0; self.parameter_length];
        let mut statistics = vec![0.0; self.statistics_length];
        for (specs, flat) in [(&self.parameters, &mut parameters), (&self.statistics, &mut statistics)] {
            for spec in specs {
                if let Some(tensor) = weights.get(&spec.name) {
                    spec.pack(&tensor.data, flat);
                }
            }
        }
        Ok((parameters, statistics))
    }

    /// The weights in flat buffers of this layout.
    pub fn unpack(&self, parameters: &[f32], statistics: &[f32]) -> Weights {
        let mut weights = self.unpack_parameters(parameters);
        for spec in &self.statistics {
            weights.tensors.insert(spec.name.clone(), spec.unpack(statistics));
        }
        weights
    }

    /// The tensors in one flat buffer of the parameters' shape: parameters, gradients, optimiser slots.
    pub fn unpack_parameters(&self, flat: &[f32]) -> Weights {
        let tensors = self.parameters.iter().map(|s| (s.name.clone(), s.unpack(flat))).collect();
        Weights { tensors }
    }

    /// The first block of 64 parameters of each tensor, and how many it has.
    pub(crate) fn tensor_blocks(&self) -> Vec<[u32; 2]> {
        let blocks = |spec: &ParameterSpec| {
            [spec.offset / Optimiser::BLOCK, spec.elements.div_ceil(Optimiser::BLOCK)].map(|n| n as u32)
        };
        self.parameters.iter().map(blocks).collect()
    }

    /// The optimiser's table: learning-rate factor and decay for each block of 64 parameters.
    pub fn ranges(&self, architecture: &Architecture, decay: &Decay, tuning: &Tuning) -> Vec<[f32; 2]> {
        let mut ranges = vec![[0.0, 0.0]; self.parameter_length / Optimiser::BLOCK];
        for (spec, decay) in self.parameters.iter().zip(decay.of(architecture, &self.parameters)) {
            let first = spec.offset / Optimiser::BLOCK;
            let blocks = spec.elements.div_ceil(Optimiser::BLOCK);
            let rate = tuning.rate(&spec.name);
            ranges[first..first + blocks].fill([rate, if rate > 0.0 { decay } else { 0.0 }]);
        }
        ranges
    }
}
