//! Counting what a network says of photos whose class is known.

use super::{Answer, Class, ClassScore, Confusion, Evaluation, MeanScore, Mistake, SHOWN_ANSWERS};
use crate::dataset::Dataset;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is known of the photos so far. Its size does not grow with their number.
pub(crate) struct Tally {
    images: usize,
    /// Each k, and how many labels were among the first k.
    topk: Vec<(u32, usize)>,
    loss: f64,
    /// How many photos of the first class were given the second. Of many classes few pairs are ever confused.
    pairs: BTreeMap<(usize, usize), usize>,
    classes: usize,
    worst: Worst,
}

impl Tally {
    /// For photos of `classes` classes, of which the `mistakes` surest mistakes are kept.
    pub fn new(classes: usize, topk: &[u32], mistakes: usize) -> Self {
        let topk = topk.iter().map(|k| (*k, 0)).collect();
        let worst = Worst { most: mistakes, found: Vec::new() };
        Self { images: 0, topk, loss: 0.0, pairs: BTreeMap::new(), classes, worst }
    }

    /// Counts the photo at `index` of the data set, unless its label is none of the classes.
    pub fn add(&mut self, logits: &[f32], label: u32, index: u32) {
        let label = label as usize;
        let Some(own) = logits.get(label) else { return };
        let before = |&(c, z): &(usize, &f32)| *z > *own || (*z == *own && c < label);
        let rank = logits.iter().enumerate().filter(before).count();
        let said = argmax(logits);
        let loss = cross_entropy(logits, *own);
        self.images += 1;
        self.topk.iter_mut().for_each(|(k, count)| *count += usize::from(rank < *k as usize));
        self.loss += loss;
        *self.pairs.entry((label, said)).or_default() += 1;
        if said != label {
            self.worst.add(logits, label, index, loss);
        }
    }

    /// The result, with the names of the classes, the photos' paths, and those that could not be read.
    pub fn finish(
        self,
        labels: &[String],
        dataset: &Dataset,
        unreadable: Vec<(PathBuf, String)>,
    ) -> Evaluation {
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let class = |index: usize| Class { index, label: labels.get(index).cloned().unwrap_or_default() };
        let classes = self.scores(class);
        let mut confusions: Vec<Confusion> = (self.pairs.iter().filter(|((truth, said), _)| truth != said))
            .map(|((truth, said), images)| Confusion {
                truth: class(*truth),
                said: class(*said),
                images: *images,
            })
            .collect();
        // Stable, so equal ones keep the order of the classes.
        confusions.sort_by_key(|confusion| Reverse(confusion.images));
        let answer = |(index, probability)| Answer { class: class(index), probability };
        let mistakes = self.worst.finish().into_iter().filter_map(|wrong| {
            let file = dataset.samples.get(wrong.index as usize)?.path.clone();
            let top = wrong.top.into_iter().map(answer).collect();
            Some(Mistake { file, truth: answer(wrong.truth), top })
        });
        Evaluation {
            topk: self.topk.iter().map(|(k, count)| (*k, share(*count, self.images))).collect(),
            loss: self.loss / self.images.max(1) as f64,
            images: self.images,
            skipped: unreadable.len(),
            mean: mean(&classes),
            classes,
            confusions,
            mistakes: mistakes.collect(),
            unreadable,
        }
    }

    fn scores(&self, class: impl Fn(usize) -> Class) -> Vec<ClassScore> {
        let known = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        let mut counts = vec![[0; 3]; self.classes];
        for ((truth, said), photos) in &self.pairs {
            counts[*truth][0] += photos;
            counts[*said][2] += photos;
            if truth == said {
                counts[*truth][1] += photos;
            }
        }
        let score = |(index, [images, correct, predicted]): (usize, [usize; 3])| {
            let Class { index, label } = class(index);
            ClassScore {
                index,
                label,
                images,
                correct,
                predicted,
                recall: known(correct, images),
                precision: known(correct, predicted),
                f1: known(2 * correct, images + predicted).filter(|_| images > 0),
            }
        };
        counts.into_iter().enumerate().map(score).collect()
    }
}

/// The mean of the classes that have photos.
fn mean(classes: &[ClassScore]) -> Option<MeanScore> {
    let present = || classes.iter().filter(|class| class.images > 0);
    let of = |value: fn(&ClassScore) -> Option<f64>| {
        present().map(|class| value(class).unwrap_or(0.0)).sum::<f64>() / present().count() as f64
    };
    (present().count() > 0).then(|| MeanScore {
        recall: of(|class| class.recall),
        precision: of(|class| class.precision),
        f1: of(|class| class.f1),
    })
}

/// The surest mistakes so far.
struct Worst {
    most: usize,
    /// Those that may be among them, in any order, at most twice as many.
    found: Vec<Wrong>,
}

/// A mistake, by numbers.
struct Wrong {
    index: u32,
    loss: f64,
    truth: (usize, f64),
    top: Vec<(usize, f64)>,
}

impl Worst {
    fn add(&mut self, logits: &[f32], label: usize, index: u32, loss: f64) {
        if self.most == 0 {
            return;
        }
        let (_, powers) = powers(logits);
        let sum: f64 = powers.iter().sum();
        let mut ranked: Vec<usize> = (0..logits.len()).collect();
        // Stable, and with both zeros equal: the first of equal ones is what was said.
        ranked.sort_by(|a, b| (logits[*b] + 0.0).total_cmp(&(logits[*a] + 0.0)));
        let answer = |class: usize| (class, powers[class] / sum);
        let top = ranked.into_iter().take(SHOWN_ANSWERS).map(answer).collect();
        self.found.push(Wrong { index, loss, truth: answer(label), top });
        if self.found.len() > self.most.saturating_mul(2) {
            self.keep();
        }
    }

    fn keep(&mut self) {
        let sureness = |wrong: &Wrong| wrong.top.first().map_or(0.0, |(_, probability)| *probability);
        self.found.sort_by(|a, b| {
            let surer = sureness(b).total_cmp(&sureness(a));
            surer.then(b.loss.total_cmp(&a.loss)).then(a.index.cmp(&b.index))
        });
        self.found.truncate(self.most);
    }

    fn finish(mut self) -> Vec<Wrong> {
        self.keep();
        self.found
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
pub(crate) fn softmax(logits: &[f32]) -> Vec<f32> {
    let (_, powers) = powers(logits);
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| (p / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Sample;
    use crate::loader::IGNORED_LABEL;

    fn photos(count: usize) -> Dataset {
        let sample = |at| Sample { path: PathBuf::from(format!("{at}.jpg")), label: 0 };
        Dataset { samples: (0..count).map(sample).collect(), labels: Vec::new() }
    }

    fn names() -> [String; 3] {
        ["a", "b", "c"].map(String::from)
    }

    #[test]
    fn tally_counts_ranks_ties_and_classes() {
        let mut tally = Tally::new(3, &[1, 2, 5], 0);
        tally.add(&[2.0, 1.0, 0.0], 0, 0);
        tally.add(&[2.0, 1.0, 0.0], 1, 1);
        // A tie goes to the lower index.
        tally.add(&[1.0, 1.0, 0.0], 1, 2);
        tally.add(&[0.0, 0.0, 5.0], IGNORED_LABEL, 3);
        let result = tally.finish(&names(), &photos(4), Vec::new());
        assert_eq!((result.images, result.classes[0].correct, result.classes[1].correct), (3, 1, 0));
        assert_eq!(result.topk, [(1, 1.0 / 3.0), (2, 1.0), (5, 1.0)]);
        let json = serde_json::to_value(&result).unwrap();
        assert_eq!((json["top1"].as_f64(), json["top2"].as_f64()), (Some(1.0 / 3.0), Some(1.0)));
        assert_eq!(result.classes[0].precision, Some(1.0 / 3.0));
        assert_eq!(result.classes[2].recall, None);
        let expected = -(f64::exp(2.0) / (f64::exp(2.0) + f64::exp(1.0) + 1.0)).ln();
        let mut one = Tally::new(3, &[1, 2, 5], 0);
        one.add(&[2.0, 1.0, 0.0], 0, 0);
        assert!((one.finish(&names(), &photos(1), Vec::new()).loss - expected).abs() < 1e-12);
    }

    #[test]
    fn scores_and_confusions_follow_their_definitions() {
        let mut tally = Tally::new(3, &[1], 0);
        // Of four a's three are right, of two b's none: one is called a, one c; nothing is a c.
        for (label, said) in [(0, 0), (0, 0), (0, 0), (0, 1), (1, 2), (1, 0), (0, 1)] {
            let mut logits = [0.0; 3];
            logits[said] = 1.0;
            tally.add(&logits, label, 0);
        }
        let result = tally.finish(&names(), &photos(1), Vec::new());
        let [a, b, c] = &result.classes[..] else { panic!("{:?}", result.classes) };
        assert_eq!((a.recall, a.precision, a.f1), (Some(0.6), Some(0.75), Some(6.0 / 9.0)));
        assert_eq!((b.recall, b.precision, b.f1), (Some(0.0), Some(0.0), Some(0.0)));
        assert_eq!((c.recall, c.precision, c.f1), (None, Some(0.0), None));
        let mean = result.mean.unwrap();
        assert_eq!((mean.recall, mean.precision, mean.f1), (0.3, 0.375, 3.0 / 9.0));
        let pair = |c: &Confusion| (c.truth.label.clone(), c.said.label.clone(), c.images);
        let pairs: Vec<_> = result.confusions.iter().map(pair).collect();
        let expected = [("a", "b", 2), ("b", "a", 1), ("b", "c", 1)];
        assert_eq!(pairs, expected.map(|(truth, said, n)| (truth.into(), said.into(), n)));
        let nothing = Tally::new(3, &[1], 5).finish(&names(), &photos(0), Vec::new());
        assert_eq!((nothing.mean, nothing.confusions.len(), nothing.mistakes.len()), (None, 0, 0));
    }

    #[test]
    fn the_surest_mistakes_are_kept_whatever_the_order() {
        let sure = |of: u32| [of as f32, 0.0, -1.0];
        let mut order: Vec<u32> = (0..50).collect();
        order.extend(50..60);
        let worst = |order: &[u32]| {
            let mut tally = Tally::new(3, &[1], 4);
            for &index in order {
                // From 20 on the probability is 1 to the last bit, and the loss tells them apart; those from 50 on are right.
                tally.add(&sure(index.min(45)), if index < 50 { 1 } else { 0 }, index);
            }
            assert!(tally.worst.found.len() <= 8);
            tally.finish(&names(), &photos(60), Vec::new()).mistakes
        };
        let found = worst(&order);
        let files: Vec<_> = found.iter().map(|m| m.file.display().to_string()).collect();
        assert_eq!(files, ["45.jpg", "46.jpg", "47.jpg", "48.jpg"]);
        let [first, ..] = &found[..] else { panic!("{found:?}") };
        assert_eq!((first.truth.class.label.as_str(), first.top[0].class.label.as_str()), ("b", "a"));
        let labels: Vec<_> = first.top.iter().map(|answer| answer.class.index).collect();
        assert_eq!(labels, [0, 1, 2]);
        assert!(first.top[0].probability > 0.999 && first.truth.probability < 1e-15);
        order.reverse();
        assert_eq!(worst(&order), found);
    }

    #[test]
    fn what_was_said_comes_first_among_equal_answers() {
        let mut tally = Tally::new(3, &[1], 4);
        tally.add(&[-0.0, 0.0, 0.0], 2, 0);
        let result = tally.finish(&names(), &photos(1), Vec::new());
        assert_eq!(result.mistakes[0].top[0].class, result.confusions[0].said);
    }

    #[test]
    fn the_loss_of_a_model_that_is_badly_off_is_as_large_as_it_is() {
        let loss = |logits: &[f32], label| {
            let mut tally = Tally::new(logits.len(), &[1], 0);
            tally.add(logits, label, 0);
            tally.finish(&[], &photos(1), Vec::new()).loss
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
