//! Twin of [`CrossEntropy`] and of the counting of [`Metrics`](crate::Metrics).

use crate::{Answer, CrossEntropy, TOP_COUNTS};

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

/// The distribution that training aims at: the labels' shares, and `smoothing` spread over all classes; each class times
/// its weight.
fn expected(layer: &CrossEntropy, target: &Answer, weights: &[f64]) -> Vec<f64> {
    let (smoothing, share) = (f64::from(layer.smoothing), f64::from(target.share));
    let mut expected = vec![smoothing / layer.classes as f64; layer.classes];
    expected[target.first as usize] += (1.0 - smoothing) * (1.0 - share);
    expected[target.second as usize] += (1.0 - smoothing) * share;
    expected.iter().zip(weights).map(|(t, weight)| t * weight).collect()
}

/// Whether an image counts.
fn counts(layer: &CrossEntropy, target: &Answer) -> bool {
    (target.first as usize) < layer.classes
}

/// Loss and rank of each image; `None` where it does not count. Logits are `[batch][classes]`, weights `[classes]`.
pub fn forward(
    layer: &CrossEntropy,
    logits: &[f64],
    answers: &[Answer],
    weights: &[f64],
) -> Vec<Option<ImageOutcome>> {
    assert_eq!((logits.len(), weights.len()), (layer.batch * layer.classes, layer.classes));
    let outcome = |z: &[f64], target: &Answer| {
        let (largest, sum_exp) = denominator(z);
        // The cross-entropy -sum of target * log(softmax), term by term.
        let terms = expected(layer, target, weights).into_iter().zip(log_softmax(z));
        let loss = f64::from(target.scale) * -terms.map(|(t, log)| t * log).sum::<f64>();
        let label = target.first as usize;
        let before = |&c: &usize| z[c] > z[label] || (z[c] == z[label] && c < label);
        ImageOutcome { loss, rank: (0..layer.classes).filter(before).count(), largest, sum_exp }
    };
    let images = logits.chunks_exact(layer.classes).zip(answers);
    images.map(|(z, target)| counts(layer, target).then(|| outcome(z, target))).collect()
}

/// The gradient of the sum of losses divided by the batch size, `[batch][classes]`.
pub fn backward(layer: &CrossEntropy, logits: &[f64], answers: &[Answer], weights: &[f64]) -> Vec<f64> {
    let mut gradient = Vec::with_capacity(logits.len());
    for (z, target) in logits.chunks_exact(layer.classes).zip(answers) {
        if !counts(layer, target) {
            gradient.extend(vec![0.0; layer.classes]);
            continue;
        }
        let expected = expected(layer, target, weights);
        let all: f64 = expected.iter().sum();
        let scale = f64::from(target.scale) / layer.batch as f64;
        gradient.extend(log_softmax(z).iter().zip(expected).map(|(log, t)| (log.exp() * all - t) * scale));
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
