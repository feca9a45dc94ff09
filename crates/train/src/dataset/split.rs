//! The stratified split into training and validation.

use photonet_vision::{Purpose, Random, RngKey};

use super::{Dataset, SplitOptions};

/// Which photos go to validation, by their labels; those are below `classes`.
pub(crate) fn for_validation(labels: &[u32], classes: usize, options: SplitOptions) -> Vec<bool> {
    let mut by_class: Vec<Vec<usize>> = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        if let Some(members) = by_class.get_mut(label as usize) {
            members.push(index);
        }
    }
    let mut chosen = vec![false; labels.len()];
    for (label, members) in by_class.iter_mut().enumerate() {
        // A stream of its own for each class: photos added to one class leave the others' split alone.
        let key = RngKey { seed: options.seed, epoch: 0, sample: label as u32 };
        Random::new(key, Purpose::Split).shuffle(members);
        for &index in &members[..share(members.len(), options.fraction)] {
            chosen[index] = true;
        }
    }
    chosen
}

pub(super) fn split(dataset: &Dataset, options: SplitOptions) -> (Dataset, Dataset) {
    let labels: Vec<u32> = dataset.samples.iter().map(|sample| sample.label).collect();
    let chosen = for_validation(&labels, dataset.labels.len(), options);
    let part = |wanted: bool| {
        let of_part = dataset.samples.iter().zip(&chosen).filter(|(_, val)| **val == wanted);
        Dataset {
            samples: of_part.map(|(sample, _)| sample.clone()).collect(),
            labels: dataset.labels.clone(),
        }
    };
    (part(false), part(true))
}

/// How many of `n` photos go to validation.
fn share(n: usize, fraction: f64) -> usize {
    if n < 2 || fraction <= 0.0 {
        return 0;
    }
    ((n as f64 * fraction).round() as usize).clamp(1, n - 1)
}
