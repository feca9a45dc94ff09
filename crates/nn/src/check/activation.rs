//! Cases of the element-wise activations.

use super::Case;
use super::layout::Layout;
use super::noise::{between, uniform};
use super::trial::Trial;
use crate::{Activation, Shape, cpu};

pub(super) fn cases() -> Vec<Case> {
    let shape = Shape::new;
    let gate = |slope| Activation::HardSigmoid { slope };
    let mut cases = Vec::new();
    for (shape, activation) in [
        (shape(1, 1, 1, 3), Activation::Identity),
        (shape(5, 1, 1, 72), gate(0.2)),
        (shape(2, 1, 1, 960), gate(1.0 / 6.0)),
        (shape(1, 7, 7, 30), Activation::Relu),
        (shape(2, 15, 15, 18), Activation::HardSwish),
        (shape(1, 112, 112, 8), Activation::HardSwish),
    ] {
        let name = format!("{} {activation:?}", shape_name(&shape));
        cases.push(forward(shape, activation, &name));
        cases.push(backward(shape, activation, &name));
    }
    // 65,537 workgroups of 64 vectors: one more than two full rows of a folded grid would need.
    let folded = shape(1, 65_537, 64, 4);
    cases.push(forward(folded, Activation::Relu, &format!("{} folded grid", shape_name(&folded))));
    cases
}

pub(super) fn shape_name(shape: &Shape) -> String {
    format!("{}x{}x{}x{}", shape.batch, shape.height, shape.width, shape.channels)
}

/// Values on both sides of every kink and the kinks of ReLU and hardswish themselves.
fn input(shape: &Shape) -> Vec<f64> {
    let mut values = between(31, Layout::of(shape).len(), -5.0, 5.0);
    values.iter_mut().step_by(97).zip([0.0, -3.0, 3.0]).for_each(|(value, kink)| *value = kink);
    values
}

fn forward(shape: Shape, activation: Activation, name: &str) -> Case {
    Case::new("activation/forward", name, move || {
        let mut trial = Trial::default();
        let values = input(&shape);
        let x = trial.input(Layout::of(&shape), &values);
        let expected = cpu::activation::forward(activation, &values);
        let y = trial.activated("output", activation, Layout::of(&shape), expected);
        trial.record(move |plan, at| activation.forward(plan, "check", &shape, at(x), at(y)))
    })
}

fn backward(shape: Shape, activation: Activation, name: &str) -> Case {
    Case::new("activation/backward", name, move || {
        let mut trial = Trial::default();
        let values = input(&shape);
        let gradient = uniform(32, values.len());
        let x = trial.input(Layout::of(&shape), &values);
        let g = trial.input(Layout::of(&shape), &gradient);
        let expected = cpu::activation::backward(activation, &values, &gradient);
        let dx = trial.output("input_gradient", Layout::of(&shape), expected);
        trial.record(move |plan, at| activation.backward(plan, "check", &shape, at(x), at(g), at(dx)))
    })
}
