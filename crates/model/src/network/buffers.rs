//! The device buffers that outlive a step of training.

use crate::{Architecture, Learning, ModelError, ParameterLayout, Tuning, Weights};
use photonet_gpu::{Buffer, Gpu, Reading};
use photonet_nn::{Metrics, Step};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// What an optimiser keeps for each parameter, by the name of the slot.
pub type Slots = BTreeMap<String, Weights>;

/// The slot of gradients that are to be followed together with those of later batches.
const SUM: &str = "gradient_sum";

/// Parameters, gradients, optimiser, statistics and metrics of one network in training.
#[derive(Debug)]
pub struct TrainBuffers {
    pub(super) gpu: Arc<Gpu>,
    pub(super) layout: ParameterLayout,
    pub(super) parameters: Buffer,
    pub(super) gradients: Buffer,
    /// The optimiser's, in the order of its slots.
    pub(super) slots: Vec<Buffer>,
    /// Moving averages of parameters and statistics.
    pub(super) averages: Option<[Buffer; 2]>,
    /// Where each tensor lies, for clipping.
    pub(super) tensor_blocks: Option<Buffer>,
    /// The sum of the gradients of an update's parts; made where something goes in parts.
    sum: OnceLock<Buffer>,
    pub(super) learning: Learning,
    pub(super) statistics: Buffer,
    pub(super) ranges: Buffer,
    pub(super) step: Buffer,
    pub(super) metrics: Buffer,
}

impl TrainBuffers {
    /// Uploads `weights`; the optimiser starts at rest, a moving average at the weights.
    ///
    /// # Errors
    /// Weights that do not fit, or a device without the memory.
    pub async fn new(
        gpu: &Arc<Gpu>,
        architecture: &Architecture,
        weights: &Weights,
        learning: &Learning,
        tuning: &Tuning,
    ) -> Result<Self, ModelError> {
        let layout = ParameterLayout::new(architecture);
        let (parameters, statistics) = layout.pack(weights)?;
        let bytes = parameters.len() as u64 * 4;
        let mut slots = Vec::new();
        for name in learning.optimiser.slots() {
            slots.push(gpu.buffer(name, bytes).await?);
        }
        let ranges = layout.ranges(architecture, &learning.decay, tuning);
        let tensor_blocks = match learning.clip_norm {
            Some(_) => Some(gpu.buffer_with("blocks of tensors", &layout.tensor_blocks()).await?),
            None => None,
        };
        let averages = match learning.average {
            Some(_) => Some([
                gpu.buffer_with("averaged parameters", &parameters).await?,
                gpu.buffer_with("averaged statistics", &statistics).await?,
            ]),
            None => None,
        };
        let buffers = Self {
            gpu: gpu.clone(),
            parameters: gpu.buffer_with("parameters", &parameters).await?,
            gradients: gpu.buffer("gradients", bytes).await?,
            slots,
            averages,
            tensor_blocks,
            sum: OnceLock::new(),
            statistics: gpu.buffer_with("running statistics", &statistics).await?,
            ranges: gpu.buffer_with("decay ranges", &ranges).await?,
            step: gpu.buffer("step", size_of::<Step>() as u64).await?,
            metrics: gpu.buffer("metrics", size_of::<Metrics>() as u64).await?,
            learning: learning.clone(),
            layout,
        };
        if learning.accumulates && learning.wants_sum() {
            buffers.sum().await?;
        }
        Ok(buffers)
    }

    /// The buffer that gradients are summed up in.
    pub(super) async fn sum(&self) -> Result<Buffer, ModelError> {
        if let Some(made) = self.sum.get() {
            return Ok(made.clone());
        }
        let made = self.gpu.buffer(SUM, self.layout.parameter_length as u64 * 4).await?;
        Ok(self.sum.get_or_init(|| made).clone())
    }

    /// The buffers of the state that later steps go on from, by name.
    fn kept(&self) -> impl Iterator<Item = (&'static str, &Buffer)> {
        let slots = self.learning.optimiser.slots().iter().copied().zip(&self.slots);
        slots.chain(self.sum.get().filter(|_| self.learning.accumulates).map(|sum| (SUM, sum)))
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

    /// Reads the moving averages of parameters and running statistics back, where there are some.
    ///
    /// # Errors
    /// A lost device.
    pub async fn averages(&self) -> Result<Option<Weights>, ModelError> {
        let Some([parameters, statistics]) = &self.averages else { return Ok(None) };
        let parameters = self.gpu.read(parameters, 0, self.layout.parameter_length).await?;
        let statistics = self.gpu.read(statistics, 0, self.layout.statistics_length).await?;
        Ok(Some(self.layout.unpack(&parameters, &statistics)))
    }

    /// Reads the gradients of the last step back, clipped where they are; of a batch in parts, those of the last part.
    ///
    /// # Errors
    /// A lost device.
    pub async fn gradients(&self) -> Result<Weights, ModelError> {
        let flat = self.gpu.read(&self.gradients, 0, self.layout.parameter_length).await?;
        Ok(self.layout.unpack_parameters(&flat))
    }

    /// Reads the optimiser's state back.
    ///
    /// # Errors
    /// A lost device.
    pub async fn slots(&self) -> Result<Slots, ModelError> {
        let mut slots = Slots::new();
        for (name, buffer) in self.kept() {
            let flat = self.gpu.read(buffer, 0, self.layout.parameter_length).await?;
            slots.insert(name.into(), self.layout.unpack_parameters(&flat));
        }
        Ok(slots)
    }

    /// The names of what [`TrainBuffers::slots`] gives for a way of learning.
    pub fn slot_names(learning: &Learning) -> Vec<&'static str> {
        let sum = (learning.accumulates && learning.wants_sum()).then_some(SUM);
        learning.optimiser.slots().iter().copied().chain(sum).collect()
    }

    /// Replaces weights, the optimiser's state and moving averages, as a resume does. Without `averages` they begin at the weights.
    ///
    /// # Errors
    /// Tensors that do not fit this network, or that are missing.
    pub fn restore(
        &self,
        weights: &Weights,
        slots: &Slots,
        averages: Option<&Weights>,
    ) -> Result<(), ModelError> {
        let (parameters, statistics) = self.layout.pack(weights)?;
        let mut writes = vec![(&self.parameters, parameters), (&self.statistics, statistics)];
        for (name, buffer) in self.kept() {
            // A slot has the parameters' names and shapes; the statistics come from the weights.
            let mut complete = weights.clone();
            complete.tensors.retain(|name, _| self.layout.parameter(name).is_none());
            complete.tensors.extend(slots.get(name).cloned().unwrap_or_default().tensors);
            writes.push((buffer, self.layout.pack(&complete)?.0));
        }
        if let Some([parameters, statistics]) = &self.averages {
            let (values, of_statistics) = self.layout.pack(averages.unwrap_or(weights))?;
            writes.extend([(parameters, values), (statistics, of_statistics)]);
        }
        writes.iter().for_each(|(buffer, values)| self.gpu.write(buffer, 0, values));
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
