//! Cases of the residual connection.

use super::activation::shape_name;
use super::layout::Layout;
use super::noise::uniform;
use super::trial::Trial;
use super::{Case, TRAINING_STORAGE};
use crate::{Shape, add, cpu};
use photonet_gpu::Storage;

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
    .into_iter()
    .flat_map(|shape| TRAINING_STORAGE.map(|storage| case(shape, storage)))
    .collect()
}

fn case(shape: Shape, storage: Storage) -> Case {
    Case::new("residual/add", shape_name(&shape), move || {
        let mut trial = Trial::default().stored(storage);
        let layout = Layout::of(&shape);
        let (mut left, mut right) = (uniform(51, layout.len()), uniform(52, layout.len()));
        let l = trial.gradients(layout, &mut left);
        let r = trial.gradients(layout, &mut right);
        let y = trial.gradient("output", layout, cpu::residual::add(&left, &right));
        trial.record(move |plan, at| add(plan, "check", &shape, at(l), at(r), at(y)))
    })
    .stored(storage)
}
