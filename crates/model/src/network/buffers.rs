//! The device buffers that outlive a step of training.

use crate::{Architecture, ModelError, ParameterLayout, Tuning, Weights};
use photonet_gpu::{Buffer, Gpu, Reading};
use photonet_nn::{Metrics, Step};
use std::sync::Arc;

/// Parameters, gradients, optimiser, statistics and metrics of one network in training.
#[derive(Debug)]
pub struct TrainBuffers {
    pub(super) gpu: Arc<Gpu>,
    pub(super) layout: ParameterLayout,
    pub(super) parameters: Buffer,
    pub(super) gradients: Buffer,
    pub(super) velocity: Buffer,
    pub(super) statistics: Buffer,
    pub(super) ranges: Buffer,
    pub(super) step: Buffer,
    pub(super) metrics: Buffer,
}

impl TrainBuffers {
    /// Uploads `weights`; the optimiser starts at rest. `decay` acts on all that learns but batch normalisation.
    ///
    /// # Errors
    /// Weights that do not fit, or a device without the memory.
    pub async fn new(
        gpu: &Arc<Gpu>,
        architecture: &Architecture,
        weights: &Weights,
        decay: f32,
        tuning: &Tuning,
    ) -> Result<Self, ModelError> {
        let layout = ParameterLayout::new(architecture);
        let (parameters, statistics) = layout.pack(weights)?;
        let bytes = parameters.len() as u64 * 4;
        Ok(Self {
            gpu: gpu.clone(),
            parameters: gpu.buffer_with("parameters", &parameters).await?,
            gradients: gpu.buffer("gradients", bytes).await?,
            velocity: gpu.buffer("velocity", bytes).await?,
            statistics: gpu.buffer_with("running statistics", &statistics).await?,
            ranges: gpu.buffer_with("decay ranges", &layout.ranges(decay, tuning)).await?,
            step: gpu.buffer("step", size_of::<Step>() as u64).await?,
            metrics: gpu.buffer("metrics", size_of::<Metrics>() as u64).await?,
            layout,
        })
    }

    /// Reads parameters and running statistics back.
    ///
    /// # Errors
    /// A lost device.
    pub async fn weights(&self) -> Result<Weights, ModelError> {
        let parameters = self.gpu.read(&self.parameters, 0, self.layout.parameter_length).await?;
        let statistics = self.gpu.read(&self.statistics, 0, self.layout.statistics_length).await?;
        Ok(self.layout.unpack(&parameters, &statistics))
    }

    /// Reads the gradients of the last step back; of a batch in parts, those of the last part.
    ///
    /// # Errors
    /// A lost device.
    pub async fn gradients(&self) -> Result<Weights, ModelError> {
        let flat = self.gpu.read(&self.gradients, 0, self.layout.parameter_length).await?;
        Ok(self.layout.unpack_parameters(&flat))
    }

    /// Reads the optimiser's velocity back.
    ///
    /// # Errors
    /// A lost device.
    pub async fn velocity(&self) -> Result<Weights, ModelError> {
        let flat = self.gpu.read(&self.velocity, 0, self.layout.parameter_length).await?;
        Ok(self.layout.unpack_parameters(&flat))
    }

    /// Replaces weights and velocity, as a resume does.
    ///
    /// # Errors
    /// Tensors that do not fit this network.
    pub fn restore(&self, weights: &Weights, velocity: &Weights) -> Result<(), ModelError> {
        let (parameters, statistics) = self.layout.pack(weights)?;
        // The velocity has the parameters' names and shapes; the statistics come from the weights.
        let mut complete = weights.clone();
        complete.tensors.extend(velocity.tensors.clone());
        let (velocity, _) = self.layout.pack(&complete)?;
        self.gpu.write(&self.parameters, 0, &parameters);
        self.gpu.write(&self.statistics, 0, &statistics);
        self.gpu.write(&self.velocity, 0, &velocity);
        Ok(())
    }

    /// Reads the metrics gathered since the last call, and starts them afresh.
    ///
    /// # Errors
    /// A lost device.
    pub async fn take_metrics(&self) -> Result<Metrics, ModelError> {
        self.begin_metrics().await?.finish().await
    }

    /// As [`TrainBuffers::take_metrics`], of the steps so far; the ones that are submitted next need not wait for it.
    ///
    /// # Errors
    /// A lost device.
    pub async fn begin_metrics(&self) -> Result<PendingMetrics, ModelError> {
        let reading = self.gpu.begin_read(&self.metrics, 0, 1).await?;
        self.gpu.write(&self.metrics, 0, &[Metrics::default()]);
        Ok(PendingMetrics { gpu: self.gpu.clone(), reading })
    }
}

/// Metrics on their way from the device.
#[derive(Debug)]
#[must_use]
pub struct PendingMetrics {
    gpu: Arc<Gpu>,
    reading: Reading<Metrics>,
}

impl PendingMetrics {
    /// Waits for them.
    ///
    /// # Errors
    /// A lost device.
    pub async fn finish(self) -> Result<Metrics, ModelError> {
        Ok(self.reading.finish(&self.gpu).await?[0])
    }
}
