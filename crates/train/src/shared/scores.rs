//! The device's counters as loss and accuracies.

use crate::dataset::Dataset;
use crate::journal::Scores;
use photonet_nn::{Metrics, TOP_COUNTS};
use serde::{Deserialize, Serialize};

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

/// What a model was found to be worth on the photos to evaluate on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Standing {
    /// The accuracy that decides, 0 to 1.
    pub accuracy: f64,
    /// Epochs that it was trained for.
    pub epoch: u32,
    /// The mean loss; older checkpoints have none.
    pub loss: Option<f64>,
}

impl Standing {
    /// Whether its accuracy is higher than that of any model before it.
    pub fn improves(&self, best: Option<Self>) -> bool {
        best.is_none_or(|best| self.accuracy > best.accuracy)
    }

    /// Whether it is the best so far. Of equal accuracies the one with the lower loss is, of equal losses too the later one; as is
    /// the later one where the loss of the `best` was not kept.
    pub fn beats(&self, best: Option<Self>) -> bool {
        let lower = |best: Self| best.loss.zip(self.loss).is_none_or(|(lowest, loss)| loss <= lowest);
        self.improves(best) || best.is_some_and(|best| self.accuracy == best.accuracy && lower(best))
    }
}

/// A [`Standing`] in a checkpoint.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Whole(f64, u32, f64),
    WithoutLoss(f64, u32),
}

impl From<Stored> for Standing {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Whole(accuracy, epoch, loss) => Self { accuracy, epoch, loss: Some(loss) },
            Stored::WithoutLoss(accuracy, epoch) => Self { accuracy, epoch, loss: None },
        }
    }
}

impl From<Standing> for Stored {
    fn from(Standing { accuracy, epoch, loss }: Standing) -> Self {
        loss.map_or(Self::WithoutLoss(accuracy, epoch), |loss| Self::Whole(accuracy, epoch, loss))
    }
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
        let of = |accuracy, loss| Standing { accuracy, epoch: 1, loss };
        let [best, without] = [of(0.5, Some(1.5)), of(0.5, None)];
        assert!(of(0.0, Some(72.0)).beats(None) && of(0.6, Some(72.0)).beats(Some(best)));
        assert!(!of(0.4, Some(1.0)).beats(Some(best)) && !of(0.4, Some(1.0)).beats(Some(without)));
        let of_equal = [1.4, 1.5, 72.0].map(|loss| of(0.5, Some(loss)).beats(Some(best)));
        assert_eq!(of_equal, [true, true, false]);
        assert!(of(0.5, Some(72.0)).beats(Some(without)));
        assert!(!of(0.5, Some(1.0)).improves(Some(best)) && of(0.6, None).improves(Some(best)));
    }

    #[test]
    fn a_standing_is_kept_whole_and_older_ones_are_read() {
        let whole = Standing { accuracy: 0.75, epoch: 3, loss: Some(0.1) };
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!((text.as_str(), serde_json::from_str(&text).unwrap()), ("[0.75,3,0.1]", whole));
        let older = serde_json::from_str::<Standing>("[0.75, 3]").unwrap();
        assert_eq!(older, Standing { loss: None, ..whole });
        assert_eq!(serde_json::to_string(&older).unwrap(), "[0.75,3]");
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
