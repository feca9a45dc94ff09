//! What the photos of a batch are to be taken for, and how much those of each class count.

use crate::TrainError;
use crate::config::{ClassWeights, Config};
use crate::dataset::first_classes;
use crate::journal::Event;
use crate::loader::Batch;
use photonet_nn::Answer;
use photonet_vision::Strength;

/// From so many times the photos of the smallest class on, the largest one's are told to be many.
const UNEQUAL: usize = 4;

/// How much the photos of each class count; `None`: all alike. `labels` are the network's classes, `counts` the photos of each.
///
/// # Errors
/// Weights that are given for another number of classes.
pub(super) fn class_weights(
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

/// What the user should know of classes and mixing, before a run that `resumes` another or is a new one.
pub(super) fn told(
    config: &Config,
    labels: &[String],
    counts: &[usize],
    weights: Option<&[f32]>,
    resumes: bool,
) -> Vec<Event> {
    let mut told = Vec::new();
    if let Some(weights) = weights {
        let shown = labels.iter().zip(weights).map(|(label, weight)| format!("{label} {weight:.3}"));
        let range = |order: fn(f32, f32) -> f32| weights.iter().copied().reduce(order).unwrap_or(1.0);
        told.push(Event::note(format!(
            "classes count in the loss by weights from {:.3} to {:.3}: {}",
            range(f32::min),
            range(f32::max),
            first_classes(shown)
        )));
    } else if !resumes {
        told.extend(unequal(labels, counts).map(Event::warning));
    }
    let mixing = config.train.mixing;
    if !mixing.is_off() {
        let ways = [("mixup", mixing.mixup), ("cutmix", mixing.cutmix)];
        let way = |(name, Strength { probability, alpha }): (&str, Strength)| {
            format!("{name} with alpha {alpha} in {:.0} % of the batches", 100.0 * probability)
        };
        let ways: Vec<_> = ways.into_iter().filter(|(_, s)| s.probability > 0.0).map(way).collect();
        told.push(Event::note(format!(
            "photos are mixed with others of their batch: {}; the accuracy of training is not counted",
            ways.join(", ")
        )));
    }
    told
}

/// Says so where some classes have many more photos than others.
fn unequal(labels: &[String], counts: &[usize]) -> Option<String> {
    let with_photos = || labels.iter().zip(counts).filter(|(_, count)| **count > 0);
    let (most, largest) = with_photos().max_by_key(|(_, count)| **count)?;
    let (least, smallest) = with_photos().min_by_key(|(_, count)| **count)?;
    (*largest >= UNEQUAL * smallest).then(|| {
        format!(
            "{largest} photos to train on show {most}, {:.1} times as many as {least} ({smallest}): a network learns to prefer \
             it; with --balance, or class_weights: balanced in Loss.Train, all classes count alike",
            *largest as f64 / *smallest as f64
        )
    })
}

/// What each photo of a batch is to be taken for.
pub(super) fn answers(batch: &Batch, weights: Option<&[f32]>) -> Vec<Answer> {
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
    fn unequal_classes_weights_and_mixing_are_told() {
        let text = |event: &Event| match event {
            Event::Note { text } | Event::Warning { text } => text.clone(),
            other => panic!("{other:?}"),
        };
        let names = labels(&["glass", "trash", "unseen"]);
        let plain = config(&[]);
        let of = |counts: &[usize], resumes| told(&plain, &names, counts, None, resumes);
        let events = of(&[80, 20, 0], false);
        assert!(matches!(&events[..], [Event::Warning { .. }]), "{events:?}");
        let expected = "80 photos to train on show glass, 4.0 times as many as trash (20): a network learns to prefer it; \
                        with --balance, or class_weights: balanced in Loss.Train, all classes count alike";
        assert_eq!(text(&events[0]), expected);
        assert_eq!((of(&[79, 20, 0], false), of(&[80, 20, 0], true)), (vec![], vec![]));
        let events = told(&plain, &names, &[80, 20, 0], Some(&[0.625, 2.5, 0.0]), false);
        let expected = "classes count in the loss by weights from 0.000 to 2.500: glass 0.625, trash 2.500, unseen 0.000";
        assert_eq!((events.len(), text(&events[0])), (1, expected.into()));
        let ops =
            "{OpSampler: {MixupOperator: {alpha: 0.2, prob: 0.25}, CutmixOperator: {alpha: 1, prob: 0.5}}}";
        let mixed = config(&[&format!("DataLoader.Train.dataset.batch_transform_ops=[{ops}]")]);
        let events = told(&mixed, &names, &[1, 1, 1], None, false);
        let expected = "photos are mixed with others of their batch: mixup with alpha 0.2 in 25 % of the batches, cutmix with \
                        alpha 1 in 50 % of the batches; the accuracy of training is not counted";
        assert_eq!((events.len(), text(&events[0])), (1, expected.into()));
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
