//! Cases of the sums over the slabs of weight gradients.

use super::Case;
use super::layout::Layout;
use super::noise::uniform;
use super::trial::Trial;
use crate::SlabSums;
use photonet_gpu::DeviceClass::{Discrete, Software};
use photonet_gpu::{DeviceClass, PlanBuilder, limits};

/// What `record` appends, and the sums of the slabs that it left.
pub(super) fn with_sums<T>(
    plan: &mut PlanBuilder,
    record: impl FnOnce(&mut PlanBuilder, &mut SlabSums) -> T,
) -> T {
    let mut sums = SlabSums::new();
    let made = record(plan, &mut sums);
    sums.flush(plan);
    made
}

/// Slabs and groups of 4 values of each: more than one launch takes.
const PARTS: [(usize, usize); 10] =
    [(2, 1), (3, 256), (16, 100), (17, 3), (64, 33), (65, 64), (300, 9), (1000, 30), (2, 4000), (4100, 5)];

pub(super) fn cases() -> Vec<Case> {
    let alone = |class, part| slabs(class, vec![part]);
    // Software devices have few slabs, see slab_count.
    let few = PARTS.into_iter().filter(|&(slabs, _)| slabs <= 64).collect();
    let together = [slabs(Discrete, PARTS.to_vec()), slabs(Software, few)];
    PARTS.into_iter().map(|part| alone(Discrete, part)).chain(together).collect()
}

fn slabs(class: DeviceClass, parts: Vec<(usize, usize)>) -> Case {
    let name = match parts[..] {
        [(slabs, vectors)] => format!("{slabs} slabs of {vectors} vectors for {class:?}"),
        _ => format!("{} layers for {class:?}", parts.len()),
    };
    Case::new("reduce/slabs", name, move || {
        let mut trial = Trial::for_class(class);
        // The sums of all parts lie in one buffer, each from a multiple of 256 bytes, with nothing in between.
        let words = |vectors: usize| vectors.next_multiple_of(16) * 4;
        let all = parts.iter().map(|&(_, vectors)| words(vectors)).sum();
        let output = trial.poisoned(Layout::flat(all));
        let mut at_word = 0;
        let mut sources = Vec::new();
        for (number, &(slabs, vectors)) in parts.iter().enumerate() {
            let values = uniform(70 + number as u64, slabs * vectors * 4);
            let sum = |i: usize| values.iter().skip(i).step_by(vectors * 4).sum();
            trial.expect_floats("sums", output, at_word, (0..vectors * 4).map(sum).collect());
            sources.push((trial.input(Layout::flat(values.len()), &values), slabs, vectors, at_word));
            at_word += words(vectors);
        }
        trial.record(move |plan, at| {
            with_sums(plan, |plan, sums| {
                for (source, slabs, vectors, at_word) in sources {
                    let bytes = (vectors * 16) as u64;
                    let partial = sums.reserve(plan, bytes * slabs as u64);
                    limits::copy(plan, at(source), partial, (vectors * slabs) as u64);
                    let output = at(output).slice(at_word as u64 * 4, bytes);
                    sums.add(plan, "check", (slabs, bytes), partial, output);
                }
            });
        })
    })
}
