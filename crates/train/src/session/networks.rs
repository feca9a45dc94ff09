//! What a session has on its device.

use crate::TrainError;
use crate::config::Config;
use crate::evaluate::telling;
use crate::journal::Event;
use crate::shared::beginning::{Beginning, asked_for};
use crate::shared::labels::class_weights;
use crate::shared::options::network_options;
use crate::shared::scores::counted;
use futures_util::future::try_join;
use photonet_gpu::Gpu;
use photonet_model::{
    Architecture, InferenceNetwork, InferenceOptions, Input, Model, Precision, TrainBuffers, TrainNetwork,
    TrainOptions,
};
use std::sync::Arc;

/// The weights, and the plans for them.
pub struct Networks {
    pub architecture: Architecture,
    pub buffers: TrainBuffers,
    pub train: TrainNetwork,
    pub options: TrainOptions,
    pub eval: InferenceNetwork,
    /// What evaluation counts.
    pub topk: Vec<u32>,
    /// What the user should know of the weights, a sentence each.
    pub notes: Vec<String>,
}

impl Networks {
    /// For so many photos of each class to train on, and `held` to evaluate on.
    pub async fn new(
        gpu: &Arc<Gpu>,
        config: &Config,
        labels: &[String],
        model: Option<Model>,
        counts: &[usize],
        held: usize,
    ) -> Result<Self, TrainError> {
        let asked = asked_for(config, labels.len())?;
        let Beginning { architecture, weights, notes } = Beginning::new(config, asked, labels, model)?;
        let class_weights = class_weights(config, labels, counts)?;
        let buffers =
            TrainBuffers::new(gpu, &architecture, &weights, &config.learning(), &config.tuning()).await?;
        let (topk, _) = telling(&config.metric.eval, labels.len());
        let eval_options = InferenceOptions {
            batch: (config.eval.batch_size as usize).min(held),
            input: Input::of(&config.eval.recipe)?,
            count_topk: Some(counted(&topk)),
            precision: Precision::Single,
        };
        let batch = (config.train.batch_size as usize).min(counts.iter().sum());
        let options = TrainOptions { batch, ..network_options(config, class_weights, &topk)? };
        // At once, so that a browser has the kernels of both to compile.
        let (eval, train) = try_join(
            InferenceNetwork::fitting(gpu, &architecture, &weights, &eval_options),
            TrainNetwork::new(&buffers, &architecture, &options),
        )
        .await?;
        let notes = notes.into_iter().filter_map(text).collect();
        Ok(Self { architecture, buffers, train, options, eval, topk, notes })
    }
}

fn text(event: Event) -> Option<String> {
    match event {
        Event::Note { text } | Event::Warning { text } => Some(text),
        _ => None,
    }
}
