//! Cases of the residual connection.

use super::Case;
use super::activation::shape_name;
use super::noise::uniform;
use super::trial::{Layout, Trial};
use crate::{Shape, add, cpu};

pub(super) fn cases() -> Vec<Case> {
    let shape = Shape::new;
    [
        shape(1, 1, 1, 3),
        shape(2, 7, 7, 960),
        shape(5, 15, 15, 18),
        shape(5, 7, 7, 72),
        shape(2, 15, 15, 30),
        shape(1, 112, 112, 8),
    ]
    .map(case)
    .into()
}

fn case(shape: Shape) -> Case {
    Case::new("residual/add", shape_name(&shape), move || {
        let mut trial = Trial::default();
        let layout = Layout::of(&shape);
        let (left, right) = (uniform(51, layout.len()), uniform(52, layout.len()));
        let l = trial.input(layout, &left);
        let r = trial.input(layout, &right);
        let y = trial.output("output", layout, cpu::residual::add(&left, &right));
        trial.record(move |plan, at| add(plan, "check", &shape, at(l), at(r), at(y)))
    })
}
