//! Which source samples make one result sample along one axis.

/// For each result sample, a run of consecutive source samples and their weights.
pub(super) struct Taps<W> {
    /// First source sample and number of weights of each result sample.
    runs: Vec<(usize, usize)>,
    /// Where each run's weights begin.
    offsets: Vec<usize>,
    weights: Vec<W>,
}

impl<W> Taps<W> {
    pub(super) fn with_capacity(samples: usize) -> Taps<W> {
        Taps {
            runs: Vec::with_capacity(samples),
            offsets: Vec::with_capacity(samples),
            weights: Vec::with_capacity(samples * 2),
        }
    }

    /// Adds the next result sample: `weights` apply to the source samples from `first` on.
    pub(super) fn push(&mut self, first: usize, weights: impl IntoIterator<Item = W>) {
        let offset = self.weights.len();
        self.weights.extend(weights);
        self.offsets.push(offset);
        self.runs.push((first, self.weights.len() - offset));
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// First source sample and weights of result sample `index`.
    pub(super) fn get(&self, index: usize) -> (usize, &[W]) {
        let (first, count) = self.runs[index];
        let offset = self.offsets[index];
        (first, &self.weights[offset..offset + count])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[W])> {
        (0..self.len()).map(|index| self.get(index))
    }
}
