//! Cases of the global average pool.

use super::Case;
use super::activation::shape_name;
use super::noise::uniform;
use super::trial::{Layout, Trial};
use crate::{GlobalPool, Shape, cpu};

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
    shapes.into_iter().flat_map(|input| [forward(input), backward(input)]).collect()
}

fn forward(input: Shape) -> Case {
    Case::new("pool/forward", shape_name(&input), move || {
        let layer = GlobalPool { input };
        let mut trial = Trial::default();
        let values = uniform(61, Layout::of(&input).len());
        let x = trial.input(Layout::of(&input), &values);
        let expected = cpu::pool::forward(&layer, &values);
        let y = trial.output("output", Layout::of(&layer.output()), expected);
        trial.record(move |plan, at| layer.forward(plan, "check", at(x), at(y)))
    })
}

fn backward(input: Shape) -> Case {
    Case::new("pool/backward", shape_name(&input), move || {
        let layer = GlobalPool { input };
        let mut trial = Trial::default();
        let gradient = uniform(62, Layout::of(&layer.output()).len());
        let g = trial.input(Layout::of(&layer.output()), &gradient);
        let expected = cpu::pool::backward(&layer, &gradient);
        let dx = trial.output("input_gradient", Layout::of(&input), expected);
        trial.record(move |plan, at| layer.backward(plan, "check", at(g), at(dx)))
    })
}
