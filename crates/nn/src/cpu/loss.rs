//! Twin of [`CrossEntropy`] and of the counting of [`Metrics`](crate::Metrics).

use crate::{CrossEntropy, TOP_COUNTS};

/// What is known of one image after the forward pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageOutcome {
    /// Cross-entropy between the smoothed label and the softmax.
    pub loss: f64,
    /// How many classes come before the label; of equal logits the lower index comes first.
    pub rank: usize,
    /// The largest logit.
    pub largest: f64,
    /// Sum of exp(logit - largest).
    pub sum_exp: f64,
}

/// The largest logit and the sum of exp(logit - largest), which does not overflow.
fn denominator(logits: &[f64]) -> (f64, f64) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (largest, logits.iter().map(|z| (z - largest).exp()).sum())
}

/// Logs of the softmax.
fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let (largest, sum_exp) = denominator(logits);
    logits.iter().map(|z| z - largest - sum_exp.ln()).collect()
}

/// The distribution that training aims at: the label's share, and `smoothing` spread over all classes.
fn target(layer: &CrossEntropy, label: usize) -> Vec<f64> {
    let smoothing = f64::from(layer.smoothing);
    let mut target = vec![smoothing / layer.classes as f64; layer.classes];
    target[label] += 1.0 - smoothing;
    target
}

/// The label as an index, unless the image does not count.
fn counted(layer: &CrossEntropy, label: u32) -> Option<usize> {
    Some(label as usize).filter(|&label| label < layer.classes)
}

/// Loss and rank of each image; `None` where the label is no class. Logits are `[batch][classes]`.
pub fn forward(layer: &CrossEntropy, logits: &[f64], labels: &[u32]) -> Vec<Option<ImageOutcome>> {
    assert_eq!(logits.len(), layer.batch * layer.classes);
    let outcome = |z: &[f64], label: usize| {
        let (largest, sum_exp) = denominator(z);
        let logs = log_softmax(z);
        // The cross-entropy -sum of target * log(softmax), term by term.
        let loss = -target(layer, label).iter().zip(&logs).map(|(t, log)| t * log).sum::<f64>();
        let before = |&c: &usize| z[c] > z[label] || (z[c] == z[label] && c < label);
        ImageOutcome { loss, rank: (0..layer.classes).filter(before).count(), largest, sum_exp }
    };
    let images = logits.chunks_exact(layer.classes).zip(labels);
    images.map(|(z, &label)| counted(layer, label).map(|label| outcome(z, label))).collect()
}

/// The gradient of the sum of losses divided by the batch size, `[batch][classes]`.
pub fn backward(layer: &CrossEntropy, logits: &[f64], labels: &[u32]) -> Vec<f64> {
    let mut gradient = Vec::with_capacity(logits.len());
    for (z, &label) in logits.chunks_exact(layer.classes).zip(labels) {
        match counted(layer, label) {
            Some(label) => {
                let logs = log_softmax(z);
                let expected = target(layer, label);
                let share = logs.iter().zip(expected).map(|(log, t)| (log.exp() - t) / layer.batch as f64);
                gradient.extend(share);
            }
            None => gradient.extend(vec![0.0; layer.classes]),
        }
    }
    gradient
}

/// What [`Metrics`](crate::Metrics) accumulates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Sum of the images' losses.
    pub loss: f64,
    /// Images counted.
    pub images: u32,
    /// For each k: images whose label was among the first k.
    pub top: [u32; TOP_COUNTS],
    /// Images whose loss was not finite.
    pub bad: u32,
    /// The first step with such an image.
    pub bad_step: u32,
    /// Mean loss of the last batch.
    pub last_loss: f64,
}

/// Adds one batch to `counts`. An image whose loss is not finite counts as wrong.
pub fn count(counts: &mut Counts, outcomes: &[Option<ImageOutcome>], k: [u32; TOP_COUNTS], step: u32) {
    let counted: Vec<&ImageOutcome> = outcomes.iter().flatten().collect();
    let number = |test: &dyn Fn(&ImageOutcome) -> bool| counted.iter().filter(|o| test(o)).count() as u32;
    let bad = number(&|o| !o.loss.is_finite());
    if counts.bad == 0 && bad > 0 {
        counts.bad_step = step;
    }
    let loss: f64 = counted.iter().map(|o| o.loss).sum();
    counts.bad += bad;
    counts.loss += loss;
    counts.images += counted.len() as u32;
    for (count, k) in counts.top.iter_mut().zip(k) {
        *count += number(&|o| o.loss.is_finite() && o.rank < k as usize);
    }
    counts.last_loss = loss / counted.len().max(1) as f64;
}
