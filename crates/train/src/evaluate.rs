//! What a model is worth on labelled photos.

use crate::dataset::Dataset;
use crate::journal::serialize_topk;
use crate::loader::{IGNORED_LABEL, Loader, LoaderOptions};
use crate::machine::Network;
use crate::{Machine, TrainError};
use photonet_model::{InferenceNetwork, Model};
use photonet_nn::Metrics;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Accuracy of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassScore {
    /// Index of the class.
    pub index: usize,
    /// Name of the class.
    pub label: String,
    /// Photos of this class.
    pub images: usize,
    /// Of these, how many were given this class.
    pub correct: usize,
    /// Photos that were given this class.
    pub predicted: usize,
    /// `correct / images`; absent without photos.
    pub recall: Option<f64>,
    /// `correct / predicted`; absent where nothing was given this class.
    pub precision: Option<f64>,
}

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// For each k that was asked for, the share of photos whose class was among the first k, 0 to 1; in JSON `top1` and
    /// so on.
    #[serde(flatten, serialize_with = "serialize_topk")]
    pub topk: Vec<(u32, f64)>,
    /// Mean cross-entropy.
    pub loss: f64,
    /// Photos that counted.
    pub images: usize,
    /// Photos that could not be read.
    pub skipped: usize,
    /// Each class.
    pub classes: Vec<ClassScore>,
    /// The photos that could not be read, and why.
    #[serde(skip)]
    pub unreadable: Vec<(PathBuf, String)>,
}

/// The numbers k of top-k accuracy that say something with `classes` classes, or k = 1 where none does; and those that
/// do not.
pub fn telling(topk: &[u32], classes: usize) -> (Vec<u32>, Vec<u32>) {
    let (mut kept, left): (Vec<u32>, Vec<u32>) = topk.iter().partition(|k| **k as usize <= classes);
    if kept.is_empty() {
        kept.push(1);
    }
    (kept, left)
}

/// A batch of the full size from one that may be smaller: black images that do not count.
pub(crate) fn fill(pixels: &mut Vec<u8>, labels: &mut Vec<u32>, batch: usize, image_bytes: usize) {
    pixels.resize(batch * image_bytes, 0);
    labels.resize(batch, IGNORED_LABEL);
}

/// Runs every batch of `loader` and counts on the device. Every `interval` batches and after the last
/// one, `tell` gets the number of batches done, the counters since it was last called, and the time
/// spent waiting for photos since then.
///
/// # Errors
/// Photos that cannot be loaded at all, a lost device, or what `tell` fails with.
pub async fn count(
    network: &InferenceNetwork,
    loader: &Loader,
    interval: usize,
    mut tell: impl FnMut(usize, &Metrics, Duration) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let (width, height) = loader.image_size();
    let image_bytes = width as usize * height as usize * 3;
    network.take_metrics().await?;
    let steps = loader.steps_per_epoch();
    let mut batches = loader.epoch(0);
    let mut waited = Duration::ZERO;
    for done in 1..=steps {
        let start = Instant::now();
        let Some(batch) = batches.next() else { break };
        let mut batch = batch?;
        waited += start.elapsed();
        fill(&mut batch.pixels, &mut batch.labels, network.batch(), image_bytes);
        network.run(&batch.pixels, &batch.labels)?;
        if done.is_multiple_of(interval.max(1)) || done == steps {
            tell(done, &network.take_metrics().await?, waited)?;
            waited = Duration::ZERO;
        }
    }
    Ok(())
}

/// Evaluates `model` on `dataset`, whose labels are the model's, with accuracy for each k of `topk`. `progress` is told the photos done.
///
/// # Errors
/// Photos that cannot be loaded at all, or a device that fails.
pub async fn evaluate(
    machine: &Machine,
    model: &Model,
    dataset: Dataset,
    options: LoaderOptions,
    topk: &[u32],
    mut progress: impl FnMut(usize),
) -> Result<Evaluation, TrainError> {
    let batch_size = options.batch_size.min(dataset.samples.len().max(1));
    // Every photo is wanted once.
    let options = LoaderOptions { batch_size, cache_bytes: 0, ..options };
    let loader = Loader::new(Arc::new(dataset), model.recipe.clone(), options)?;
    let mut network = Network::new(machine, model, batch_size).await?;
    let loader = loader.with_batch_size(network.batch());
    let classes = model.architecture.classes;
    let mut tally = Tally::new(classes, topk);
    for batch in loader.epoch(0) {
        let batch = batch?;
        for (logits, label) in network.logits(&batch.pixels).await?.iter().zip(&batch.labels) {
            tally.add(logits, *label);
        }
        progress(batch.size);
    }
    Ok(tally.finish(&model.labels, loader.report().skipped))
}

struct Tally {
    images: usize,
    /// Each k, and how many labels were among the first k.
    topk: Vec<(u32, usize)>,
    loss: f64,
    of_class: Vec<[usize; 3]>,
}

impl Tally {
    fn new(classes: usize, topk: &[u32]) -> Self {
        let topk = topk.iter().map(|k| (*k, 0)).collect();
        Self { images: 0, topk, loss: 0.0, of_class: vec![[0; 3]; classes] }
    }

    fn add(&mut self, logits: &[f32], label: u32) {
        let label = label as usize;
        let Some(own) = logits.get(label) else { return };
        let before = |&(c, z): &(usize, &f32)| *z > *own || (*z == *own && c < label);
        let rank = logits.iter().enumerate().filter(before).count();
        let first = argmax(logits);
        self.images += 1;
        self.topk.iter_mut().for_each(|(k, count)| *count += usize::from(rank < *k as usize));
        self.loss += cross_entropy(logits, *own);
        self.of_class[label][0] += 1;
        self.of_class[label][1] += usize::from(rank == 0);
        self.of_class[first][2] += 1;
    }

    fn finish(self, labels: &[String], unreadable: Vec<(PathBuf, String)>) -> Evaluation {
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let known = |part: usize, whole: usize| (whole > 0).then(|| share(part, whole));
        let classes = self.of_class.iter().zip(labels).enumerate().map(|(index, (counts, label))| {
            let [images, correct, predicted] = *counts;
            ClassScore {
                index,
                label: label.clone(),
                images,
                correct,
                predicted,
                recall: known(correct, images),
                precision: known(correct, predicted),
            }
        });
        Evaluation {
            topk: self.topk.iter().map(|(k, count)| (*k, share(*count, self.images))).collect(),
            loss: self.loss / self.images.max(1) as f64,
            images: self.images,
            skipped: unreadable.len(),
            classes: classes.collect(),
            unreadable,
        }
    }
}

/// The first class with the largest logit.
fn argmax(logits: &[f32]) -> usize {
    let mut best = 0;
    for (index, z) in logits.iter().enumerate() {
        if *z > logits[best] {
            best = index;
        }
    }
    best
}

/// The largest logit and each one's power of e relative to it, worked out in `f64`.
fn powers(logits: &[f32]) -> (f64, Vec<f64>) {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    (largest, logits.iter().map(|z| (f64::from(*z) - largest).exp()).collect())
}

/// Minus the logarithm of the probability of the class whose logit is `own`. A probability would round to 0
/// where the others are larger by a hundred.
fn cross_entropy(logits: &[f32], own: f32) -> f64 {
    let (largest, powers) = powers(logits);
    powers.iter().sum::<f64>().ln() + largest - f64::from(own)
}

/// Probabilities from logits, worked out in `f64`.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let (_, powers) = powers(logits);
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| (p / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tally_counts_ranks_ties_and_classes() {
        let mut tally = Tally::new(3, &[1, 2, 5]);
        tally.add(&[2.0, 1.0, 0.0], 0);
        tally.add(&[2.0, 1.0, 0.0], 1);
        // A tie goes to the lower index.
        tally.add(&[1.0, 1.0, 0.0], 1);
        tally.add(&[0.0, 0.0, 5.0], IGNORED_LABEL);
        let labels = ["a", "b", "c"].map(String::from);
        let result = tally.finish(&labels, Vec::new());
        assert_eq!((result.images, result.classes[0].correct, result.classes[1].correct), (3, 1, 0));
        assert_eq!(result.topk, [(1, 1.0 / 3.0), (2, 1.0), (5, 1.0)]);
        let json = serde_json::to_value(&result).unwrap();
        assert_eq!((json["top1"].as_f64(), json["top2"].as_f64()), (Some(1.0 / 3.0), Some(1.0)));
        assert_eq!(result.classes[0].precision, Some(1.0 / 3.0));
        assert_eq!(result.classes[2].recall, None);
        let expected = -(f64::exp(2.0) / (f64::exp(2.0) + f64::exp(1.0) + 1.0)).ln();
        let mut one = Tally::new(3, &[1, 2, 5]);
        one.add(&[2.0, 1.0, 0.0], 0);
        assert!((one.finish(&labels, Vec::new()).loss - expected).abs() < 1e-12);
    }

    #[test]
    fn the_loss_of_a_model_that_is_badly_off_is_as_large_as_it_is() {
        let loss = |logits: &[f32], label| {
            let mut tally = Tally::new(logits.len(), &[1]);
            tally.add(logits, label);
            tally.finish(&[], Vec::new()).loss
        };
        assert_eq!(loss(&[150.0, -150.0], 1), 300.0);
        assert_eq!(loss(&[5000.0, 0.0, -1000.0], 2), 6000.0);
        assert!((loss(&[800.0, 800.0, 0.0], 2) - (800.0 + f64::ln(2.0))).abs() < 1e-12);
        assert_eq!(loss(&[1e30, -1e30], 1), 2.0 * f64::from(1e30_f32));
        assert_eq!(loss(&[1e30, -1e30], 0), 0.0);
        assert!(loss(&[f32::NAN, 0.0], 1).is_nan());
    }

    #[test]
    fn softmax_of_huge_logits_is_finite() {
        assert_eq!(softmax(&[1e30, -1e30]), [1.0, 0.0]);
        assert!((softmax(&[0.0, 0.0, 0.0])[1] - 1.0 / 3.0).abs() < 1e-7);
    }
}
