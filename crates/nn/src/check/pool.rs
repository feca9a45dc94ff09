//! Cases of the global average pool.

use super::activation::shape_name;
use super::fused;
use super::layout::Layout;
use super::noise::uniform;
use super::operand::{self, Source};
use super::trial::Trial;
use super::unit::UnitBehind;
use super::{Case, HALF_STORAGE, TRAINING_STORAGE};
use crate::{Activation, GlobalPool, Shape, cpu};
use photonet_gpu::Storage;

pub(super) fn cases() -> Vec<Case> {
    let shape = Shape::new;
    let shapes = [
        shape(1, 1, 1, 3),
        shape(5, 1, 1, 72),
        shape(2, 7, 7, 960),
        shape(1, 7, 7, 30),
        shape(5, 15, 15, 18),
        shape(2, 15, 7, 72),
        shape(2, 112, 112, 8),
    ];
    let raw = Some(Activation::HardSwish);
    shapes
        .into_iter()
        .flat_map(|input| {
            let single = Storage::default();
            let half = forward(input, None, HALF_STORAGE[0]);
            let raw_half = forward(input, raw, TRAINING_STORAGE[1]);
            let [backward, brain] = TRAINING_STORAGE.map(|storage| backward(input, storage));
            [forward(input, None, single), forward(input, raw, single), half, raw_half, backward, brain]
        })
        .collect()
}

fn forward(input: Shape, norm: Option<Activation>, storage: Storage) -> Case {
    let name = format!("{}{}", shape_name(&input), operand::note(norm));
    Case::new("pool/forward", name, move || {
        let layer = GlobalPool { input };
        let mut trial = Trial::default().stored(storage);
        let values = uniform(61, Layout::of(&input).len());
        let (x, seen) = Source::new(&mut trial, (input.rows(), input.channels), values, norm);
        let expected = cpu::pool::forward(&layer, &seen);
        let y = trial.output("output", Layout::of(&layer.output()), expected);
        trial.record(move |plan, at| layer.forward(plan, "check", x.operand(at), at(y)))
    })
    .stored(storage)
}

fn backward(input: Shape, storage: Storage) -> Case {
    Case::new("pool/backward", shape_name(&input), move || {
        let layer = GlobalPool { input };
        let mut trial = Trial::default().stored(storage);
        let gradient = uniform(62, Layout::of(&layer.output()).len());
        let g = trial.input(Layout::of(&layer.output()), &gradient);
        let (unit, _) = UnitBehind::new(
            &mut trial,
            input,
            Activation::HardSwish,
            &cpu::pool::backward(&layer, &gradient),
        );
        let dx = trial.poisoned_gradients(Layout::of(&input));
        trial.record(move |plan, at| {
            let gradient = layer.backward(plan, "check", at(g), &unit.behind(at), at(dx));
            unit.finish(plan, at, gradient);
        })
    })
    .tolerance(fused::through_memory(storage))
    .stored(storage)
}
