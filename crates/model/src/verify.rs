//! Test vectors: does a model give on this device what it gave where it was made?

use crate::{InferenceNetwork, InferenceOptions, Input, Model, ModelError, Precision, TestVector};
use photonet_gpu::Gpu;
use std::sync::Arc;

impl TestVector {
    /// What devices may differ by, relative to the largest logit.
    pub const TOLERANCE: f64 = 1e-4;

    /// The logits of `model` for a noise image, on this device.
    ///
    /// # Errors
    /// A model that does not fit its preprocessing, or a device that fails.
    pub async fn record(gpu: &Arc<Gpu>, model: &Model) -> Result<Self, ModelError> {
        Self::of(&network(gpu, model).await?).await
    }

    /// What a network with its present weights gives.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn of(network: &InferenceNetwork) -> Result<Self, ModelError> {
        let mut vector = Self { seed: Self::SEED, logits: Vec::new() };
        vector.logits = logits(network, &vector).await?;
        Ok(vector)
    }
}

impl Model {
    /// Replays the model's test vectors on this device: for each, the largest difference of a logit,
    /// relative to the largest logit.
    ///
    /// # Errors
    /// As [`TestVector::record`], and a vector of another number of classes.
    pub async fn verify(&self, gpu: &Arc<Gpu>) -> Result<Vec<f64>, ModelError> {
        let network = network(gpu, self).await?;
        let mut errors = Vec::with_capacity(self.test_vectors.len());
        for vector in &self.test_vectors {
            let logits = logits(&network, vector).await?;
            if vector.logits.len() != logits.len() {
                return Err(ModelError::Architecture(format!(
                    "a test vector has {} logits, the model {} classes",
                    vector.logits.len(),
                    logits.len()
                )));
            }
            errors.push(relative_error(&logits, &vector.logits));
        }
        Ok(errors)
    }
}

/// The largest difference, relative to the largest of `expected`; infinite where a value is not a number.
fn relative_error(found: &[f32], expected: &[f32]) -> f64 {
    let largest = expected.iter().fold(0.0_f64, |m, v| m.max(f64::from(v.abs())));
    let differences = found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
    let worst = differences.fold(0.0_f64, |m, d| if d.is_nan() { f64::INFINITY } else { m.max(d) });
    if worst == 0.0 { 0.0 } else { worst / largest }
}

async fn network(gpu: &Arc<Gpu>, model: &Model) -> Result<InferenceNetwork, ModelError> {
    let options = InferenceOptions {
        batch: 1,
        input: Input::of(&model.recipe)?,
        count_topk: None,
        precision: Precision::Single,
    };
    InferenceNetwork::new(gpu, &model.architecture, &model.weights, &options).await
}

async fn logits(network: &InferenceNetwork, vector: &TestVector) -> Result<Vec<f32>, ModelError> {
    let bytes = network.input().image_bytes();
    let mut pixels = vector.input(bytes);
    pixels.resize(bytes * network.batch(), 0);
    network.run(&pixels, &[])?;
    Ok(network.logits().await?.swap_remove(0))
}

/// Refuses what a network gave for a photo, logits or features, where a value is not finite: as an answer it would be
/// nonsense.
///
/// # Errors
/// [`ModelError::NotFinite`].
pub fn check_finite(values: &[f32]) -> Result<(), ModelError> {
    if values.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(ModelError::NotFinite) }
}

#[cfg(test)]
mod tests {
    use super::{check_finite, relative_error};

    #[test]
    fn errors_are_relative_to_the_largest() {
        assert!((relative_error(&[1.0, -3.9], &[1.0, -4.0]) - 0.025).abs() < 1e-6);
        assert_eq!(relative_error(&[0.0], &[0.0]), 0.0);
        assert!(relative_error(&[f32::NAN], &[1.0]).is_infinite());
        assert!(relative_error(&[1.0], &[0.0]).is_infinite());
    }

    #[test]
    fn what_is_not_finite_is_no_answer() {
        assert!(check_finite(&[1.0, -3e38]).is_ok());
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let message = check_finite(&[1.0, value]).unwrap_err().to_string();
            assert!(message.contains("damaged") && message.contains("f32"), "{message}");
        }
    }
}
