//! What a model is worth on labelled photos.

mod tally;

use crate::dataset::Dataset;
use crate::journal::serialize_topk;
use crate::loader::{IGNORED_LABEL, Loader, LoaderOptions};
use crate::machine::Network;
use crate::{Machine, TrainError};
use photonet_model::{InferenceNetwork, Model};
use photonet_nn::Metrics;
use serde::{Serialize, Serializer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
pub(crate) use tally::{Tally, softmax};

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
    /// The harmonic mean of both, 0 where nothing is correct; absent without photos.
    pub f1: Option<f64>,
}

/// Means over the classes that have photos, each of the same weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeanScore {
    /// Of the recalls.
    pub recall: f64,
    /// Of the precisions, 0 for a class that was given to nothing.
    pub precision: f64,
    /// Of the F1.
    pub f1: f64,
}

/// A class by index and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Class {
    /// Its index.
    pub index: usize,
    /// Its name.
    pub label: String,
}

/// Photos of one class that were given another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// The class that they have.
    pub truth: Class,
    /// The class that they were given.
    pub said: Class,
    /// How many there are, at least 1.
    pub images: usize,
}

/// A class that a photo may have been given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The class.
    #[serde(flatten)]
    pub class: Class,
    /// Its probability, 0 to 1.
    pub probability: f64,
}

/// A photo that was given another class than it has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mistake {
    /// The photo.
    #[serde(serialize_with = "serialize_path")]
    pub file: PathBuf,
    /// The class that it has, with its probability.
    pub truth: Answer,
    /// The most probable classes, at most [`SHOWN_ANSWERS`]; the first is what was said.
    pub top: Vec<Answer>,
}

/// The most answers that a [`Mistake`] tells.
pub const SHOWN_ANSWERS: usize = 3;

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
    /// The mean of the classes; absent where no photo counted.
    pub mean: Option<MeanScore>,
    /// Each class.
    pub classes: Vec<ClassScore>,
    /// All pairs of classes that were confused, the most frequent first and equal ones in the order of the classes. With
    /// each class's `correct` they are the whole confusion matrix.
    pub confusions: Vec<Confusion>,
    /// The surest mistakes, as many as were asked for: by the probability of what was said, then by the loss, then in the
    /// data set's order.
    pub mistakes: Vec<Mistake>,
    /// The photos that could not be read, and why.
    #[serde(skip)]
    pub unreadable: Vec<(PathBuf, String)>,
}

impl Evaluation {
    /// The confusion matrix: a line for each class that photos have, a column for each that they were given.
    pub fn matrix(&self) -> Vec<Vec<usize>> {
        let classes = self.classes.len();
        let mut counts = vec![vec![0; classes]; classes];
        self.classes.iter().for_each(|class| counts[class.index][class.index] = class.correct);
        self.confusions.iter().for_each(|c| counts[c.truth.index][c.said.index] = c.images);
        counts
    }
}

/// A path as it is shown, which JSON can hold whatever its bytes are: for serde's `serialize_with`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// The numbers k of top-k accuracy that say something with `classes` classes, or k = 1 where none does; and those that
/// do not, as every class is among the first k.
pub fn telling(topk: &[u32], classes: usize) -> (Vec<u32>, Vec<u32>) {
    let (mut kept, left): (Vec<u32>, Vec<u32>) =
        topk.iter().partition(|k| **k == 1 || (**k as usize) < classes);
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

/// Evaluates `model` on `dataset`, whose labels are the model's, with accuracy for each k of `topk`, and keeps the
/// `mistakes` surest mistakes. `progress` is told the photos done.
///
/// # Errors
/// Photos that cannot be loaded at all, or a device that fails.
pub async fn evaluate(
    machine: &Machine,
    model: &Model,
    dataset: Dataset,
    options: LoaderOptions,
    topk: &[u32],
    mistakes: usize,
    mut progress: impl FnMut(usize),
) -> Result<Evaluation, TrainError> {
    let batch_size = options.batch_size.min(dataset.samples.len().max(1));
    // Every photo is wanted once.
    let options = LoaderOptions { batch_size, cache_bytes: 0, ..options };
    let loader = Loader::new(Arc::new(dataset), model.recipe.clone(), options)?;
    let mut network = Network::new(machine, model, batch_size).await?;
    let loader = loader.with_batch_size(network.batch());
    let classes = model.architecture.classes;
    let mut tally = Tally::new(classes, topk, mistakes);
    for batch in loader.epoch(0) {
        let batch = batch?;
        let logits = network.logits(&batch.pixels).await?;
        for ((logits, label), index) in logits.iter().zip(&batch.labels).zip(&batch.indices) {
            tally.add(logits, *label, *index);
        }
        progress(batch.size);
    }
    Ok(tally.finish(&model.labels, loader.dataset(), loader.report().skipped))
}
