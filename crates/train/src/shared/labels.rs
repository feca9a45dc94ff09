//! What the photos of a batch are to be taken for, and how much those of each class count.

use crate::TrainError;
use crate::config::{ClassWeights, Config};
use crate::loader::Batch;
use photonet_nn::Answer;

/// How much the photos of each class count; `None`: all alike. `labels` are the network's classes, `counts` the photos of each.
///
/// # Errors
/// Weights that are given for another number of classes.
pub fn class_weights(
    config: &Config,
    labels: &[String],
    counts: &[usize],
) -> Result<Option<Vec<f32>>, TrainError> {
    match &config.loss.class_weights {
        ClassWeights::Equal => Ok(None),
        ClassWeights::Balanced => {
            let photos: usize = counts.iter().sum();
            let classes = counts.iter().filter(|count| **count > 0).count();
            let weight = |count: usize| match count {
                // There is nothing to count.
                0 => 0.0,
                count => (photos as f64 / (classes * count) as f64) as f32,
            };
            Ok(Some((0..labels.len()).map(|c| weight(counts.get(c).copied().unwrap_or(0))).collect()))
        }
        ClassWeights::Given(weights) if weights.len() == labels.len() => {
            Ok(Some(weights.iter().map(|weight| *weight as f32).collect()))
        }
        ClassWeights::Given(weights) => Err(TrainError::Request(format!(
            "Loss.Train.CELoss.class_weights has {} numbers, but there are {} classes: give one for each, in their order, or \
             `balanced`",
            weights.len(),
            labels.len()
        ))),
    }
}

/// What each photo of a batch is to be taken for.
pub fn answers(batch: &Batch, weights: Option<&[f32]>) -> Vec<Answer> {
    let mut answers: Vec<Answer> = batch.labels.iter().copied().map(Answer::of).collect();
    if let Some(mixed) = &batch.mixed {
        for (answer, label) in answers.iter_mut().zip(&mixed.labels) {
            (answer.second, answer.share) = (*label, mixed.share);
        }
    }
    if let Some(weights) = weights {
        Answer::scale(&mut answers, weights);
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::Mixed;

    fn config(overrides: &[&str]) -> Config {
        let overrides: Vec<String> = overrides.iter().map(|o| (*o).into()).collect();
        Config::from_yaml("", "test", &overrides).unwrap()
    }

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).into()).collect()
    }

    #[test]
    fn balanced_classes_count_alike_and_photos_once_in_the_mean() {
        let balanced = config(&["Loss.Train=[{CELoss: {class_weights: balanced}}]"]);
        let (names, counts) = (labels(&["a", "b", "none", "beyond"]), [30, 10, 0]);
        let weights = class_weights(&balanced, &names, &counts).unwrap().unwrap();
        assert_eq!(weights.len(), 4);
        assert_eq!((weights[2], weights[3]), (0.0, 0.0));
        assert!((30.0 * weights[0] - 10.0 * weights[1]).abs() < 1e-5, "{weights:?}");
        assert!((30.0 * weights[0] + 10.0 * weights[1] - 40.0).abs() < 1e-4, "{weights:?}");
        let given = config(&["Loss.Train=[{CELoss: {class_weights: [1, 2.5]}}]"]);
        assert_eq!(class_weights(&given, &labels(&["a", "b"]), &[1, 1]).unwrap(), Some(vec![1.0, 2.5]));
        let error = class_weights(&given, &names, &counts).unwrap_err().to_string();
        assert!(error.contains("has 2 numbers, but there are 4 classes"), "{error}");
        assert_eq!(class_weights(&config(&[]), &names, &counts).unwrap(), None);
    }

    #[test]
    fn answers_have_both_labels_and_a_batch_is_scaled_to_its_mean() {
        let mut batch =
            Batch { pixels: vec![], labels: vec![0, 1], indices: vec![4, 5], size: 2, mixed: None };
        assert_eq!(answers(&batch, None), [0, 1].map(Answer::of));
        batch.mixed = Some(Mixed { labels: vec![1, 1], share: 0.25 });
        let scale = 2.0 / (0.75 * 3.0 + 0.25 * 1.0 + 1.0);
        let of = |first| Answer { first, second: 1, share: 0.25, scale };
        assert_eq!(answers(&batch, Some(&[3.0, 1.0])), [of(0), of(1)]);
    }
}
