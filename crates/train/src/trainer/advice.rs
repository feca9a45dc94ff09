//! What a run that cannot learn much should know.

use crate::config::Config;
use crate::dataset::{Dataset, count};

/// Fewer steps than this teach a network little, even one that starts from a model.
const FEW_STEPS: u64 = 200;

/// The smallest batch that is advised: smaller ones have poor statistics.
const SMALL_BATCH: u64 = 8;

/// What would help a run of few steps.
///
/// `whole` says that photos beyond the last whole batch are left out, `from_model` that there are weights to start from.
pub(super) fn few_steps(config: &Config, photos: u64, whole: bool, from_model: bool) -> Option<String> {
    let (epochs, batch) = (u64::from(config.global.epochs), u64::from(config.train.batch_size));
    let steps = |batch: u64| match whole && photos >= batch {
        true => photos / batch,
        false => photos.div_ceil(batch),
    };
    let (an_epoch, all) = (steps(batch), epochs * steps(batch));
    if all >= FEW_STEPS || an_epoch == 0 {
        return None;
    }
    let mut advice = Vec::new();
    if steps(SMALL_BATCH) > an_epoch && batch > SMALL_BATCH {
        advice
            .push(format!("a smaller --batch ({SMALL_BATCH} makes {} of them)", epochs * steps(SMALL_BATCH)));
    }
    advice.push(format!("more --epochs (such as {})", FEW_STEPS.div_ceil(an_epoch)));
    if !from_model {
        advice.push("a model to start from (--from MODEL)".into());
    }
    let (last, first) = advice.split_last()?;
    let first = if first.is_empty() { String::new() } else { format!("{} or ", first.join(", ")) };
    Some(format!(
        "{} in all may be too few to learn much: {} in {}batches of {batch} make {} an epoch, in {}. What helps: {first}{last}",
        words(all, "step", "steps"),
        words(photos, "photo", "photos"),
        if whole && photos >= batch { "whole " } else { "" },
        words(an_epoch, "step", "steps"),
        words(epochs, "epoch", "epochs"),
    ))
}

/// The share of the weights that a run began with which its moving average may still hold at its end.
const OLD_SHARE: f64 = 0.1;

/// Says so where a moving average of this decay is too slow for a run of so many updates.
pub(super) fn slow_average(decay: f64, updates: u64) -> Option<String> {
    let left = decay.powf(updates as f64);
    // Of which a hundredth would be left; rounded down, so that it is no more.
    let better = (0.01_f64.powf(1.0 / updates.max(1) as f64) * 1e4).floor() / 1e4;
    (left > OLD_SHARE).then(|| {
        format!(
            "EMA.decay is {decay}: after the {} of the run {:.0} % of its average are still the weights that it began with; \
             of {better} it would be 1 %",
            words(updates, "update", "updates"),
            100.0 * left
        )
    })
}

fn words(n: u64, one: &str, many: &str) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), one, many)
}

/// Says so where a best top-1 could be had without looking at the photos.
pub(super) fn no_better_than_guessing(top1: f64, evaluated: &Dataset) -> Option<String> {
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
    fn an_average_too_slow_for_the_run_is_told() {
        let text = slow_average(0.9999, 1000).unwrap();
        let start = "EMA.decay is 0.9999: after the 1000 updates of the run 90 % of its average are still";
        assert!(text.starts_with(start) && text.ends_with("of 0.9954 it would be 1 %"), "{text}");
        assert!(0.9954_f64.powi(1000) < 0.01);
        assert_eq!(slow_average(0.9999, 30_000), None);
        assert_eq!(slow_average(0.99, 300), None);
        assert_eq!(slow_average(0.0, 1), None);
    }

    #[test]
    fn few_steps_are_told_with_what_would_help() {
        let mut config = Config::defaults();
        let text = few_steps(&config, 38, true, false).unwrap();
        let expected = "30 steps in all may be too few to learn much: 38 photos in whole batches of 32 make 1 step an epoch, in \
                        30 epochs. What helps: a smaller --batch (8 makes 120 of them), more --epochs (such as 200) or a \
                        model to start from (--from MODEL)";
        assert_eq!(text, expected);
        assert_eq!(few_steps(&config, 7 * 32, true, false), None);
        config.set_epochs(1);
        config.train.batch_size = 8;
        let text = few_steps(&config, 1592, false, true).unwrap();
        assert!(
            text.starts_with("199 steps in all") && text.contains("in batches of 8 make 199 steps"),
            "{text}"
        );
        assert!(text.ends_with("in 1 epoch. What helps: more --epochs (such as 2)"), "{text}");
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
