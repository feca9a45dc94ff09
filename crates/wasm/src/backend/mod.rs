//! What computes.

mod cpu;
mod gpu;

use crate::error::EngineError;
use crate::header::Outline;
pub use cpu::CpuBackend;
pub use gpu::GpuBackend;
use photonet_model::{FoldedWeights, Precision, Weights, check_finite};

/// Milliseconds of the parts of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Handing pixels and commands to the device.
    pub upload: f64,
    /// Until the device was done.
    pub compute: f64,
    /// From there until the numbers were here.
    pub read_back: f64,
}

/// What a run gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// For each image its logits, or its features where those were asked for.
    pub rows: Vec<Vec<f32>>,
    /// Where the time went.
    pub spent: Spent,
}

impl Outcome {
    /// Itself; an error where a value is not finite, which is no answer.
    pub fn finite(self) -> Result<Self, EngineError> {
        self.rows.iter().try_for_each(|row| check_finite(row))?;
        Ok(self)
    }
}

/// Which rows a run reads back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The classes' logits.
    Logits,
    /// What the classifier sees.
    Features,
}

/// A network on one kind of machine.
pub enum Backend {
    /// The shaders.
    WebGpu(Box<GpuBackend>),
    /// The processor.
    Cpu(Box<CpuBackend>),
}

impl Backend {
    /// The name that the package uses.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WebGpu(_) => "webgpu",
            Self::Cpu(_) => "cpu",
        }
    }

    /// How weights and activations lie in memory.
    pub fn precision(&self) -> Precision {
        match self {
            Self::WebGpu(gpu) => gpu.precision(),
            Self::Cpu(_) => Precision::Single,
        }
    }

    /// How often a lost device was replaced by a new one.
    pub fn recoveries(&self) -> u32 {
        match self {
            Self::WebGpu(gpu) => gpu.recoveries(),
            Self::Cpu(_) => 0,
        }
    }

    /// The largest number of images that one run takes.
    pub fn batch(&self) -> usize {
        match self {
            Self::WebGpu(gpu) => gpu.batch(),
            Self::Cpu(_) => 1,
        }
    }

    /// Makes ready what does not depend on the weights.
    pub async fn prepare(&mut self, outline: &Outline) -> Result<(), EngineError> {
        match self {
            Self::WebGpu(gpu) => gpu.prepare(outline).await,
            Self::Cpu(_) => Ok(()),
        }
    }

    /// Takes the network and its weights, those on a device also as far as they were folded ahead.
    pub async fn load(
        &mut self,
        outline: &Outline,
        weights: &Weights,
        folded: Option<&FoldedWeights>,
    ) -> Result<(), EngineError> {
        match self {
            Self::WebGpu(gpu) => gpu.load(outline, weights, folded).await,
            Self::Cpu(cpu) => cpu.load(outline, weights),
        }
    }

    /// Runs `images` images, at most [`Backend::batch`], whose bytes follow one another in `pixels`.
    pub async fn run(
        &mut self,
        outline: &Outline,
        weights: &Weights,
        pixels: &[u8],
        images: usize,
        wanted: Wanted,
    ) -> Result<Outcome, EngineError> {
        match self {
            Self::WebGpu(gpu) => gpu.run(outline, weights, pixels, images, wanted).await,
            Self::Cpu(cpu) => cpu.run(outline, weights, pixels, images, wanted),
        }
    }

    /// Frees everything on the device.
    pub fn close(&mut self) {
        match self {
            Self::WebGpu(gpu) => gpu.close(),
            Self::Cpu(cpu) => cpu.close(),
        }
    }
}
