//! The stratified split into training and validation.

use photonet_vision::{Purpose, Random, RngKey};

use super::{Dataset, SplitOptions};

pub(super) fn split(dataset: &Dataset, options: SplitOptions) -> (Dataset, Dataset) {
    let mut by_class: Vec<Vec<usize>> = vec![Vec::new(); dataset.labels.len()];
    for (index, sample) in dataset.samples.iter().enumerate() {
        if let Some(members) = by_class.get_mut(sample.label as usize) {
            members.push(index);
        }
    }
    let mut for_val = vec![false; dataset.samples.len()];
    for (label, members) in by_class.iter_mut().enumerate() {
        // A stream of its own for each class: photos added to one class leave the others' split alone.
        let key = RngKey { seed: options.seed, epoch: 0, sample: label as u32 };
        Random::new(key, Purpose::Split).shuffle(members);
        for &index in &members[..share(members.len(), options.fraction)] {
            for_val[index] = true;
        }
    }
    let part = |wanted: bool| Dataset {
        samples: dataset
            .samples
            .iter()
            .zip(&for_val)
            .filter(|(_, val)| **val == wanted)
            .map(|(sample, _)| sample.clone())
            .collect(),
        labels: dataset.labels.clone(),
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
