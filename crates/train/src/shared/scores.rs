//! The device's counters as loss and accuracies.

use crate::dataset::Dataset;
use crate::journal::Scores;
use photonet_nn::{Metrics, TOP_COUNTS};

/// The numbers k as the device takes them.
pub fn counted(topk: &[u32]) -> [u32; TOP_COUNTS] {
    let mut counted = [0; TOP_COUNTS];
    counted.iter_mut().zip(topk).for_each(|(to, k)| *to = *k);
    counted
}

/// Loss and accuracies of `metrics`, which were [`counted`].
pub fn scores(metrics: &Metrics, topk: &[u32]) -> Scores {
    let share = |count: u32| f64::from(count) / f64::from(metrics.images.max(1));
    let topk = topk.iter().zip(metrics.top).map(|(k, count)| (*k, share(count))).collect();
    Scores { loss: f64::from(metrics.loss) / f64::from(metrics.images.max(1)), topk }
}

/// Adds the counters of two intervals.
pub fn merge(total: &mut Metrics, more: &Metrics) {
    total.loss += more.loss;
    total.images += more.images;
    total.bad += more.bad;
    total.top.iter_mut().zip(more.top).for_each(|(to, count)| *to += count);
}

/// Whether an evaluation is the best so far. Of equal accuracies the one with the lower loss is, of equal losses too the later
/// one; as is the later one where the loss of the `best`, its accuracy and its loss, was not kept.
pub fn is_best(accuracy: f64, loss: f64, best: Option<(f64, Option<f64>)>) -> bool {
    best.is_none_or(|(highest, lowest)| {
        accuracy > highest || (accuracy == highest && lowest.is_none_or(|lowest| loss <= lowest))
    })
}

/// Says so where a best top-1 could be had without looking at the photos.
pub fn no_better_than_guessing(top1: f64, evaluated: &Dataset) -> Option<String> {
    let counts = evaluated.class_counts();
    let most = counts.iter().copied().max().filter(|most| *most > 0)?;
    let name = counts.iter().position(|n| *n == most).and_then(|label| evaluated.labels.get(label))?;
    let guessed = most as f64 / evaluated.samples.len() as f64;
    // Shares of the same number of photos differ by more than rounding, or not at all.
    (top1 < guessed + 1e-6).then(|| {
        format!(
            "the best top-1, {top1:.4}, is no better than always saying {name}, the most frequent class of the photos to \
             evaluate on ({guessed:.4}): the model has learned nothing of use"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Sample;

    #[test]
    fn of_equal_accuracies_the_lower_loss_is_the_best() {
        assert!(is_best(0.0, 72.0, None) && is_best(0.6, 72.0, Some((0.5, Some(1.5)))));
        assert!(!is_best(0.4, 1.0, Some((0.5, Some(1.5)))) && !is_best(0.4, 1.0, Some((0.5, None))));
        let of_equal = [1.4, 1.5, 72.0].map(|loss| is_best(0.5, loss, Some((0.5, Some(1.5)))));
        assert_eq!(of_equal, [true, true, false]);
        assert!(is_best(0.5, 72.0, Some((0.5, None))));
    }

    #[test]
    fn a_guess_is_the_most_frequent_class() {
        let sample = |label| Sample { path: "photo".into(), label };
        let samples = [0, 1, 1, 2].map(sample).to_vec();
        let dataset = Dataset { samples, labels: ["a", "b", "c"].map(String::from).to_vec() };
        let text = no_better_than_guessing(0.5, &dataset).unwrap();
        assert!(
            text.contains("0.5000, is no better than always saying b") && text.contains("(0.5000)"),
            "{text}"
        );
        assert_eq!(no_better_than_guessing(0.75, &dataset), None);
    }
}
