//! What the user should know of a run before it begins.

use crate::config::Config;
use crate::dataset::{count, first_classes, unequal};
use crate::journal::Event;
use photonet_vision::Strength;

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

fn words(n: u64, one: &str, many: &str) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), one, many)
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

#[cfg(test)]
mod tests {
    use super::*;

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

    fn config(overrides: &[&str]) -> Config {
        let overrides: Vec<String> = overrides.iter().map(|o| (*o).into()).collect();
        Config::from_yaml("", "test", &overrides).unwrap()
    }

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).into()).collect()
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
        let expected = unequal(&names, &[80, 20, 0]).unwrap();
        assert!(expected.contains("--balance"), "{expected}");
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
}
