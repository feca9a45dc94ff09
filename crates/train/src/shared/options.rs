//! What a configuration says to the network.

use super::scores::counted;
use crate::TrainError;
use crate::config::Config;
use photonet_model::{Input, Precision, TrainOptions, dropout_seed};

/// What plans for training are recorded for; the batch is still open.
///
/// # Errors
/// Preprocessing that gives no square images of one size.
pub fn network_options(
    config: &Config,
    class_weights: Option<Vec<f32>>,
    topk: &[u32],
) -> Result<TrainOptions, TrainError> {
    Ok(TrainOptions {
        batch: 0,
        input: Input::of(&config.train.recipe)?,
        smoothing: config.loss.epsilon as f32,
        class_weights,
        topk: counted(topk),
        dropout_seed: dropout_seed(config.global.seed),
        tuning: config.tuning(),
        precision: if config.amp { Precision::Half } else { Precision::Single },
    })
}
