//! The network: a list of steps over four feature maps.

mod build;

use crate::buffer::Buffer;
use crate::kernel::Kernels;
use crate::layer::{Depthwise, Pointwise, SqueezeExcite, Stem};
use crate::{CpuError, Instructions};
use photonet_model::Input;

/// The first of two maps that take turns as input and output of blocks.
const NARROW: usize = 0;
/// The map after an expanding convolution.
const EXPANDED: usize = 2;
/// The map after a depthwise convolution.
const FILTERED: usize = 3;

/// Which kind of layer a step of the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LayerKind {
    /// Normalisation of the bytes and the first convolution.
    Stem,
    /// 1x1 convolution with bias, activation and residual.
    Pointwise,
    /// Depthwise convolution with bias, activation and the sums for squeeze-excite.
    Depthwise,
    /// The gate of squeeze-excite, applied.
    SqueezeExcite,
    /// Mean over all positions.
    Pool,
    /// The fully connected layers: head and classifier.
    Dense,
}

impl LayerKind {
    /// All kinds, in the order in which a network first has them.
    pub const ALL: [Self; 6] =
        [Self::Stem, Self::Pointwise, Self::Depthwise, Self::SqueezeExcite, Self::Pool, Self::Dense];
}

impl std::fmt::Display for LayerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Stem => "stem",
            Self::Pointwise => "1x1 convolution",
            Self::Depthwise => "depthwise",
            Self::SqueezeExcite => "squeeze-excite",
            Self::Pool => "pool",
            Self::Dense => "head and classifier",
        })
    }
}

/// How long a step took, in the unit of the caller's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct StepTime<'a> {
    /// Name of the layer, such as `blocks.3.expand`.
    pub name: &'a str,
    /// Kind of the layer.
    pub kind: LayerKind,
    /// Time.
    pub time: f64,
}

/// What a network makes of a batch, row by row without padding; the rows are its images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// Scores, `[images][classes]`: softmax makes probabilities of them.
    pub logits: Vec<f32>,
    /// Mean of the last feature map, `[images][channels]`.
    pub pooled: Vec<f32>,
    /// Hidden layer between `pooled` and `logits`, after its activation, `[images][head]`: an embedding.
    pub head: Vec<f32>,
}

enum Operation {
    Stem { layer: Stem, to: usize },
    Pointwise { layer: Pointwise, rows: usize, from: usize, to: usize, residual: Option<usize> },
    Depthwise { layer: Depthwise, from: usize, to: usize, summed: bool },
    SqueezeExcite { layer: SqueezeExcite, pixels: usize, map: usize },
    Pool { pixels: usize, from: usize },
    Head(Pointwise),
    Classifier(Pointwise),
}

struct Step {
    name: String,
    kind: LayerKind,
    operation: Operation,
}

/// What lies between the steps, for one image.
struct Scratch {
    maps: [Buffer; 4],
    sums: Buffer,
    pooled: Buffer,
    head: Buffer,
    logits: Buffer,
}

/// A network ready to classify on one thread of the CPU.
///
/// ```
/// use photonet_cpu::CpuNetwork;
/// use photonet_model::{Architecture, Family, Input, Variant, initialise};
///
/// let architecture = Architecture::new(Family::Paddle, Variant::Small, 0.35, 5)?;
/// let weights = initialise(&architecture, 0);
/// let input = Input { size: 32, scale: 1.0 / 255.0, mean: [0.5; 3], std: [0.25; 3] };
/// let mut network = CpuNetwork::new(&architecture, &weights, &input)?;
/// let two_images = vec![128; 2 * 32 * 32 * 3];
/// assert_eq!(network.run(&two_images)?.logits.len(), 2 * 5);
/// # Ok::<(), photonet_cpu::CpuError>(())
/// ```
pub struct CpuNetwork {
    kernels: &'static Kernels,
    instructions: Instructions,
    input: Input,
    steps: Vec<Step>,
    scratch: Scratch,
    /// Classes, channels of the last feature map, channels of the head.
    sizes: [usize; 3],
    outputs: Outputs,
}

impl CpuNetwork {
    /// What it takes.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// The instructions it runs on.
    pub fn instructions(&self) -> Instructions {
        self.instructions
    }

    /// Classifies a batch, `[images][size][size][3]` bytes of red, green and blue, one image after the
    /// other. The same bytes give the same bits every time, in a batch of any size. Nothing is
    /// allocated unless the batch is larger than all before.
    ///
    /// # Errors
    /// Bytes that are not a whole number of images.
    pub fn run(&mut self, pixels: &[u8]) -> Result<&Outputs, CpuError> {
        self.batch(pixels, |_| {})?;
        Ok(&self.outputs)
    }

    /// As [`CpuNetwork::run`], and the time of each step of each image by `clock`, which tells the time
    /// in any unit.
    ///
    /// # Errors
    /// As [`CpuNetwork::run`].
    pub fn profile(
        &mut self,
        pixels: &[u8],
        mut clock: impl FnMut() -> f64,
    ) -> Result<Vec<StepTime<'_>>, CpuError> {
        let mut ends = Vec::new();
        let start = clock();
        self.batch(pixels, |_| ends.push(clock()))?;
        let starts = std::iter::once(&start).chain(&ends);
        let times = ends.iter().zip(starts).map(|(end, start)| end - start);
        let timed = self.steps.iter().cycle().zip(times);
        Ok(timed.map(|(step, time)| StepTime { name: &step.name, kind: step.kind, time }).collect())
    }

    fn batch(&mut self, pixels: &[u8], mut after: impl FnMut(&Step)) -> Result<(), CpuError> {
        let expected = self.input.image_bytes();
        if !pixels.len().is_multiple_of(expected) {
            return Err(CpuError::Pixels { size: self.input.size, expected, got: pixels.len() });
        }
        let Outputs { logits, pooled, head } = &mut self.outputs;
        let mut outputs = [logits, pooled, head];
        outputs.iter_mut().for_each(|rows| rows.clear());
        for image in pixels.chunks_exact(expected) {
            for step in &mut self.steps {
                self.scratch.run(self.kernels, &mut step.operation, image);
                after(step);
            }
            let Scratch { logits, pooled, head, .. } = &self.scratch;
            for ((rows, row), size) in outputs.iter_mut().zip([logits, pooled, head]).zip(self.sizes) {
                rows.extend_from_slice(&row.as_slice()[..size]);
            }
        }
        Ok(())
    }
}

impl Scratch {
    fn run(&mut self, kernels: &Kernels, operation: &mut Operation, pixels: &[u8]) {
        match operation {
            Operation::Stem { layer, to } => layer.run(kernels, pixels, self.maps[*to].as_mut_slice()),
            Operation::Pointwise { layer, rows, from, to, residual } => {
                // The output leaves the array for as long as others of it are read.
                let mut output = std::mem::take(&mut self.maps[*to]);
                let residual = residual.map(|map| self.maps[map].as_slice());
                layer.run(kernels, *rows, self.maps[*from].as_slice(), residual, output.as_mut_slice());
                self.maps[*to] = output;
            }
            Operation::Depthwise { layer, from, to, summed } => {
                let mut output = std::mem::take(&mut self.maps[*to]);
                let sums = self.sums.as_mut_slice();
                sums.fill(0.0);
                let input = self.maps[*from].as_slice();
                layer.run(kernels, input, output.as_mut_slice(), summed.then_some(sums));
                self.maps[*to] = output;
            }
            Operation::SqueezeExcite { layer, pixels, map } => {
                let values = &mut self.maps[*map].as_mut_slice()[..*pixels * layer.channels()];
                layer.run(kernels, self.sums.as_mut_slice(), values);
            }
            Operation::Pool { pixels, from } => {
                let pooled = self.pooled.as_mut_slice();
                pooled.fill(0.0);
                let values = &self.maps[*from].as_slice()[..*pixels * pooled.len()];
                kernels.sum_rows(values, pooled);
                pooled.iter_mut().for_each(|sum| *sum /= *pixels as f32);
            }
            Operation::Head(layer) => {
                layer.run(kernels, 1, self.pooled.as_slice(), None, self.head.as_mut_slice());
            }
            Operation::Classifier(layer) => {
                layer.run(kernels, 1, self.head.as_slice(), None, self.logits.as_mut_slice());
            }
        }
    }
}
