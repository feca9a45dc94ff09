//! The network on the processor, one thread, with vectors where the build has them.

use super::{Outcome, Spent, Wanted};
use crate::clock;
use crate::error::EngineError;
use crate::header::Outline;
use photonet_cpu::CpuNetwork;
use photonet_model::Weights;

/// A network, once a model is loaded.
#[derive(Default)]
pub struct CpuBackend {
    network: Option<CpuNetwork>,
}

impl CpuBackend {
    pub fn load(&mut self, outline: &Outline, weights: &Weights) -> Result<(), EngineError> {
        self.network = Some(CpuNetwork::new(&outline.architecture, weights, &outline.input)?);
        Ok(())
    }

    /// As [`super::Backend::run`]. All the time is the network's: nothing is uploaded or read back.
    pub fn run(
        &mut self,
        outline: &Outline,
        weights: &Weights,
        pixels: &[u8],
        images: usize,
        wanted: Wanted,
    ) -> Result<Outcome, EngineError> {
        if self.network.is_none() {
            self.load(outline, weights)?;
        }
        let Some(network) = &mut self.network else {
            return Err(EngineError::Model("no model is loaded".into()));
        };
        let started = clock::now();
        let outputs = network.run(pixels)?;
        let compute = clock::now() - started;
        let values = match wanted {
            Wanted::Logits => &outputs.logits,
            Wanted::Features => &outputs.head,
        };
        let rows = values.chunks(values.len().div_ceil(images.max(1)).max(1)).map(<[f32]>::to_vec).collect();
        Ok(Outcome { rows, spent: Spent { compute, ..Spent::default() } })
    }

    /// Frees the network.
    pub fn close(&mut self) {
        self.network = None;
    }
}
