//! The network as shaders on WebGPU.

use super::{Outcome, Wanted};
use crate::clock;
use crate::error::EngineError;
use crate::header::Outline;
use photonet_gpu::{DeviceChoice, DeviceClass, Gpu, GpuOptions};
use photonet_model::{FoldedWeights, InferenceNetwork, InferenceOptions, Precision, Weights};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Images of a full batch. A software device gains nothing from more than one.
const BATCH: usize = 8;

/// An open device and the plans made on it.
pub struct GpuBackend {
    gpu: Arc<Gpu>,
    precision: Precision,
    /// The plan for one image, with the outline it was made for.
    single: Option<(Outline, InferenceNetwork)>,
    /// The plan for [`BATCH`] images, made when first needed.
    many: Option<InferenceNetwork>,
    /// How often a lost device was replaced.
    recoveries: u32,
}

impl GpuBackend {
    /// Opens a device, for weights and activations in `precision`.
    pub async fn open(precision: Precision) -> Result<Self, EngineError> {
        // Halves by the device's type need a feature, which is asked for where they are wanted.
        let shader_f16 = precision == Precision::Half;
        let options = GpuOptions { portable: true, shader_f16, ..GpuOptions::new(DeviceChoice::Auto) };
        Ok(Self { gpu: Gpu::open(&options).await?, precision, single: None, many: None, recoveries: 0 })
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    pub fn recoveries(&self) -> u32 {
        self.recoveries
    }

    pub fn batch(&self) -> usize {
        if self.gpu.class() == DeviceClass::Software { 1 } else { BATCH }
    }

    /// Compiles the shaders of a network whose weights are still to come.
    pub async fn prepare(&mut self, outline: &Outline) -> Result<(), EngineError> {
        let options = self.options(outline, 1);
        let network = InferenceNetwork::without_weights(&self.gpu, &outline.architecture, &options).await?;
        self.single = Some((outline.clone(), network));
        Ok(())
    }

    /// `folded` are the weights as far as they were folded ahead.
    pub async fn load(
        &mut self,
        outline: &Outline,
        weights: &Weights,
        folded: Option<&FoldedWeights>,
    ) -> Result<(), EngineError> {
        self.many = None;
        let own;
        let folded = match folded {
            Some(folded) => folded,
            None => {
                own = FoldedWeights::new(&outline.architecture, weights, self.precision)?;
                &own
            }
        };
        if !matches!(&self.single, Some((made_for, _)) if made_for == outline) {
            self.prepare(outline).await?;
        }
        if let Some((_, network)) = &self.single {
            network.set_folded(folded)?;
        }
        Ok(self.gpu.check()?)
    }

    fn options(&self, outline: &Outline, batch: usize) -> InferenceOptions {
        InferenceOptions { batch, input: outline.input, count_topk: None, precision: self.precision }
    }

    /// As [`super::Backend::run`]. A device that is lost, or fails, is opened anew, once, and given the weights again.
    pub async fn run(
        &mut self,
        outline: &Outline,
        weights: &Weights,
        pixels: &[u8],
        images: usize,
        wanted: Wanted,
    ) -> Result<Outcome, EngineError> {
        match self.try_run(outline, weights, pixels, images, wanted).await {
            Err(EngineError::Device { lost: true, .. }) => {
                let recoveries = self.recoveries + 1;
                // Where it only failed, what it holds is free before the next one takes as much.
                self.close();
                *self = Self { recoveries, ..Self::open(self.precision).await? };
                self.load(outline, weights, None).await?;
                self.try_run(outline, weights, pixels, images, wanted).await
            }
            other => other,
        }
    }

    async fn try_run(
        &mut self,
        outline: &Outline,
        weights: &Weights,
        pixels: &[u8],
        images: usize,
        wanted: Wanted,
    ) -> Result<Outcome, EngineError> {
        self.gpu.check()?;
        if images > 1 && self.many.is_none() {
            let options = self.options(outline, self.batch());
            let network = InferenceNetwork::fitting(&self.gpu, &outline.architecture, weights, &options);
            self.many = Some(network.await?);
        }
        if self.single.is_none() {
            self.load(outline, weights, None).await?;
        }
        let network = match (&self.many, &self.single) {
            (Some(many), _) if images > 1 => many,
            (_, Some((_, single))) => single,
            _ => return Err(EngineError::Model("no model is loaded".into())),
        };
        let mut outcome = Outcome::default();
        // The device may hold fewer images than a batch has.
        for part in pixels.chunks(network.batch() * outline.input.image_bytes()) {
            self.run_part(network, outline, part, wanted, &mut outcome).await?;
        }
        outcome.rows.truncate(images);
        Ok(outcome)
    }

    /// Adds what `network` makes of `pixels`, at most as many images as it takes, to `outcome`.
    async fn run_part(
        &self,
        network: &InferenceNetwork,
        outline: &Outline,
        pixels: &[u8],
        wanted: Wanted,
        outcome: &mut Outcome,
    ) -> Result<(), EngineError> {
        let started = clock::now();
        let mut batch = pixels.to_vec();
        batch.resize(network.batch() * outline.input.image_bytes(), 0);
        network.run(&batch, &[])?;
        let submitted = clock::now();
        // Where a browser tells of the end after the result, reading counts as computing.
        let done = Arc::new(AtomicU64::new(f64::INFINITY.to_bits()));
        let note = done.clone();
        self.gpu.when_done(move || note.store(clock::now().to_bits(), Ordering::Relaxed));
        match wanted {
            Wanted::Logits => outcome.rows.extend(network.logits().await?),
            Wanted::Features => {
                outcome.rows.extend(network.features().await?.into_iter().map(|of_image| of_image.head));
            }
        }
        let read = clock::now();
        let done = f64::from_bits(done.load(Ordering::Relaxed)).clamp(submitted, read);
        outcome.spent.upload += submitted - started;
        outcome.spent.compute += done - submitted;
        outcome.spent.read_back += read - done;
        Ok(())
    }

    /// Destroys the device, and with it every buffer.
    pub fn close(&mut self) {
        self.single = None;
        self.many = None;
        self.gpu.destroy();
    }
}

#[cfg(test)]
impl GpuBackend {
    /// As if the driver had reset the device.
    pub fn lose(&self) {
        self.gpu.destroy();
    }
}
