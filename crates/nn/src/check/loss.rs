//! Cases of the cross-entropy and of the counting of metrics.

use super::Case;
use super::layout::Layout;
use super::noise::{below, between};
use super::optimiser::step_words;
use super::trial::{Slot, Trial};
use crate::cpu::loss::{self as twin, Counts, ImageOutcome};
use crate::{Answer, CrossEntropy, Expected, Step, TOP_COUNTS};

/// A label that does not count.
const IGNORED: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Setup {
    layer: CrossEntropy,
    /// Logits lie between minus and plus this.
    reach: f64,
    /// Whether the last image does not count.
    ignored: bool,
    /// Whether images have two labels.
    mixed: bool,
    /// Whether classes have weights.
    weighted: bool,
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (batch, classes, smoothing, reach, kind) in [
        (1, 2, 0.0, 3.0, ""),
        (5, 2, 0.1, 3.0, "one ignored"),
        (2, 6, 0.1, 10.0, ""),
        (5, 6, 0.0, 1e4, "one ignored"),
        (2, 64, 0.0, 3.0, "one ignored"),
        (2, 1000, 0.0, 5.0, ""),
        (5, 1000, 0.1, 5.0, "one ignored"),
        (5, 1000, 0.1, 1e4, ""),
        (5, 2, 0.0, 3.0, "mixed"),
        (5, 6, 0.1, 1e4, "mixed, one ignored"),
        (2, 1000, 0.1, 5.0, "mixed"),
        (5, 2, 0.1, 3.0, "weighted"),
        (5, 1000, 0.0, 5.0, "weighted, one ignored"),
        (5, 6, 0.1, 10.0, "mixed, weighted, one ignored"),
        (2, 1000, 0.1, 5.0, "mixed, weighted"),
    ] {
        let has = |word: &str| kind.contains(word);
        let layer = CrossEntropy { batch, classes, smoothing, mean_weight: 1.0 };
        let (ignored, mixed, weighted) = (has("ignored"), has("mixed"), has("weighted"));
        let mut setup = Setup { layer, reach, ignored, mixed, weighted };
        setup.layer.mean_weight = (setup.weights().iter().sum::<f64>() / classes as f64) as f32;
        let name = format!("{batch}x{classes} smoothing {smoothing} logits to {reach} {kind}");
        cases.push(forward(setup, name.trim_end()));
        cases.push(backward(setup, name.trim_end()));
    }
    cases.push(counting());
    cases.push(not_finite());
    cases
}

impl Setup {
    fn logits(&self) -> Vec<f64> {
        between(111, self.layer.batch * self.layer.classes, -self.reach, self.reach)
    }

    fn answers(&self) -> Vec<Answer> {
        let Self { layer: CrossEntropy { batch, classes, .. }, .. } = *self;
        let mut answers: Vec<Answer> =
            below(112, batch, classes as u32).into_iter().map(Answer::of).collect();
        if self.mixed {
            let others = below(114, batch, classes as u32).into_iter().zip(between(115, batch, 0.0, 1.0));
            for (answer, (second, share)) in answers.iter_mut().zip(others) {
                (answer.second, answer.share) = (second, share as f32);
            }
        }
        if let (true, Some(last)) = (self.ignored, answers.last_mut()) {
            *last = Answer::of(IGNORED);
        }
        if self.weighted {
            let weights: Vec<f32> = self.weights().iter().map(|&weight| weight as f32).collect();
            Answer::scale(&mut answers, &weights);
        }
        answers
    }

    /// Those of the classes; as many as the device holds exactly.
    fn weights(&self) -> Vec<f64> {
        match self.weighted {
            true => between(116, self.layer.classes, 0.1, 3.0),
            false => vec![1.0; self.layer.classes],
        }
    }

    fn expected_slots(&self, trial: &mut Trial) -> (Slot, Option<Slot>) {
        let answers = upload_answers(trial, &self.answers());
        let words = || self.weights().iter().map(|&weight| (weight as f32).to_bits()).collect();
        (answers, self.weighted.then(|| trial.words(words())))
    }
}

fn upload_answers(trial: &mut Trial, answers: &[Answer]) -> Slot {
    trial.words(bytemuck::cast_slice(answers).to_vec())
}

fn logits_layout(layer: &CrossEntropy) -> Layout {
    Layout::rows(layer.batch, layer.classes)
}

/// Logits as the padded rows that the device reads; padding holds a value that would win every
/// comparison, since nothing may depend on it.
fn upload_logits(trial: &mut Trial, layer: &CrossEntropy, logits: &[f64]) -> Slot {
    let mut words = Vec::new();
    for row in logits.chunks_exact(layer.classes) {
        words.extend(row.iter().map(|&z| (z as f32).to_bits()));
        words.resize(words.len().next_multiple_of(4), 1e30_f32.to_bits());
    }
    trial.words(words)
}

fn outcome_words(layer: &CrossEntropy) -> Layout {
    Layout::flat(layer.batch * 4)
}

/// Loss, rank and the parts of the softmax's denominator, for each image.
fn forward(setup: Setup, name: &str) -> Case {
    Case::new("loss/cross_entropy", name, move || {
        let Setup { layer, .. } = setup;
        let mut trial = Trial::default();
        let expected = twin::forward(&layer, &setup.logits(), &setup.answers(), &setup.weights());
        let logits = upload_logits(&mut trial, &layer, &setup.logits());
        let (answers, weights) = setup.expected_slots(&mut trial);
        let outcomes = trial.poisoned(outcome_words(&layer));
        for (image, outcome) in expected.iter().enumerate() {
            let at = image * 4;
            trial.expect_floats("loss", outcomes, at, vec![outcome.map_or(0.0, |o| o.loss)]);
            let sum_exp = outcome.map_or(0.0, |o| o.sum_exp);
            trial.expect_floats("sum of exponentials", outcomes, at + 3, vec![sum_exp]);
            if let Some(ImageOutcome { rank, largest, .. }) = outcome {
                let values = vec![*rank as f64, *largest];
                trial.expect_floats("rank and largest", outcomes, at + 1, values);
            }
        }
        trial.record(move |plan, at| {
            let expected = Expected { answers: at(answers), weights: weights.map(&at) };
            layer.forward(plan, "check", at(logits), expected, at(outcomes));
        })
    })
}

fn backward(setup: Setup, name: &str) -> Case {
    Case::new("loss/cross_entropy_gradient", name, move || {
        let Setup { layer, .. } = setup;
        let mut trial = Trial::default();
        let expected = twin::backward(&layer, &setup.logits(), &setup.answers(), &setup.weights());
        let logits = upload_logits(&mut trial, &layer, &setup.logits());
        let (answers, weights) = setup.expected_slots(&mut trial);
        let outcomes = trial.poisoned(outcome_words(&layer));
        let gradient = trial.output("logits_gradient", logits_layout(&layer), expected);
        trial.record(move |plan, at| {
            let expected = Expected { answers: at(answers), weights: weights.map(&at) };
            let (logits, outcomes) = (at(logits), at(outcomes));
            layer.forward(plan, "check", logits, expected, outcomes);
            layer.backward(plan, "check", logits, expected, outcomes, at(gradient));
        })
    })
}

/// The buffers of one batch to count.
struct Batch {
    logits: Slot,
    answers: Slot,
    outcomes: Slot,
    step: Slot,
}

/// A trial that counts `batches` and compares the whole numbers of the metrics; also the metrics'
/// buffer and what the twin counted.
fn counted(
    layer: CrossEntropy,
    k: [u32; TOP_COUNTS],
    batches: &[(Vec<f64>, Vec<u32>)],
) -> (Trial, Slot, Counts) {
    let mut trial = Trial::default();
    let mut counts = Counts::default();
    let metrics = trial.words(vec![0; 12]);
    let mut uploaded = Vec::new();
    for (number, (logits, labels)) in batches.iter().enumerate() {
        let number = 40 + number as u32;
        let step = Step::new(0.1, 0.9, 0, number);
        let answers: Vec<Answer> = labels.iter().copied().map(Answer::of).collect();
        let outcomes = twin::forward(&layer, logits, &answers, &vec![1.0; layer.classes]);
        twin::count(&mut counts, &outcomes, k, number);
        uploaded.push(Batch {
            logits: upload_logits(&mut trial, &layer, logits),
            answers: upload_answers(&mut trial, &answers),
            outcomes: trial.poisoned(outcome_words(&layer)),
            step: trial.words(step_words(&step)),
        });
    }
    for (word, name, value) in
        [(1, "images", counts.images), (2, "bad", counts.bad), (3, "bad_step", counts.bad_step)]
    {
        trial.expect_whole(name, metrics, word, &[value]);
    }
    trial.expect_whole("top", metrics, 4, &counts.top);
    let trial = trial.record(move |plan, at| {
        for batch in uploaded {
            let expected = Expected { answers: at(batch.answers), weights: None };
            layer.forward(plan, "check", at(batch.logits), expected, at(batch.outcomes));
            layer.count(plan, "check", at(batch.step), at(batch.outcomes), k, at(metrics));
        }
    });
    (trial, metrics, counts)
}

/// Two batches with ties on both sides of the label, a label of rank k - 1 and one of rank k, and an
/// ignored label.
fn counting() -> Case {
    Case::new("loss/metrics", "2 batches of 5x6 k 1 3 2, ties", || {
        let layer = CrossEntropy { batch: 5, classes: 6, smoothing: 0.1, mean_weight: 1.0 };
        let rows = [
            [0.0, 5.0, 1.0, 2.0, 3.0, 4.0],
            [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
            [2.0, 2.0, 2.0, 2.0, 2.0, 2.0],
            [6.0, 5.0, 4.0, 4.0, 3.0, 2.0],
            [6.0, 5.0, 4.0, 4.0, 3.0, 2.0],
        ];
        let logits = rows.concat();
        // First; first by its index; second by its index; third; fourth, tied with the third.
        let first = vec![1, 0, 1, 2, 3];
        let second = vec![0, 5, 2, IGNORED, 0];
        let batches = [(logits.clone(), first), (logits, second)];
        let (mut trial, metrics, counts) = counted(layer, [1, 3, 2, 0], &batches);
        trial.expect_floats("loss", metrics, 0, vec![counts.loss]);
        trial.expect_floats("last_loss", metrics, 8, vec![counts.last_loss]);
        trial
    })
}

/// A NaN among the logits of the second batch and an infinity in the third: both are counted, and the
/// second step is the one remembered; neither image counts as right. What the sums become is left open.
fn not_finite() -> Case {
    Case::new("loss/metrics", "3 batches of 2x6 k 1 5, NaN and infinity", || {
        let layer = CrossEntropy { batch: 2, classes: 6, smoothing: 0.0, mean_weight: 1.0 };
        let good = between(113, 12, -1.0, 1.0);
        let mut nan = good.clone();
        nan[..6].fill(f64::NAN);
        let mut infinite = good.clone();
        infinite[9] = f64::INFINITY;
        let batches = [good, nan, infinite].map(|logits| (logits, vec![2, 3]));
        counted(layer, [1, 5, 0, 0], &batches).0
    })
}
