//! Cases of the kernels that measure a device.

use super::Case;
use super::layout::Layout;
use super::noise::uniform;
use super::trial::Trial;
use photonet_gpu::limits;

pub(super) fn cases() -> Vec<Case> {
    [1, 255, 1000].into_iter().flat_map(|vectors| [copy(vectors), arithmetic(vectors)]).collect()
}

fn copy(vectors: usize) -> Case {
    Case::new("limits/copy", format!("{vectors} vectors"), move || {
        let mut trial = Trial::default();
        let layout = Layout::flat(vectors * 4);
        let values: Vec<f64> = uniform(91, layout.len()).iter().map(|&v| f64::from(v as f32)).collect();
        let from = trial.input(layout, &values);
        let to = trial.output("output", layout, values);
        trial.record(move |plan, at| limits::copy(plan, at(from), at(to), vectors as u64))
    })
}

fn arithmetic(vectors: usize) -> Case {
    Case::new("limits/arithmetic", format!("{vectors} vectors"), move || {
        let mut trial = Trial::default();
        let (factors, rounds) = ([0.5, 0.75, -0.5, 0.25], 7);
        let chain = |begin: f64, factor: f64| (0..rounds).fold(begin, |x, _| x * factor + 1.0);
        let sum = |at: usize| (0..8).map(|k| chain((at / 4 % 16 + k) as f64, factors[at % 4])).sum();
        let factor = trial.input(Layout::flat(4), &factors);
        let layout = Layout::flat(vectors * 4);
        let sums = trial.output("output", layout, (0..layout.len()).map(sum).collect());
        trial.record(move |plan, at| limits::arithmetic(plan, at(factor), at(sums), vectors as u64, rounds))
    })
}
