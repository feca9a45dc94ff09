//! Cases of weights as products on matrix units load them.

use super::layout::{Layout, round};
use super::noise::uniform;
use super::trial::Trial;
use super::{Case, HALF_STORAGE};
use crate::Pointwise;
use photonet_gpu::{Format, Storage, limits};

/// Inputs and outputs: one element of a line and less, whole lines, one input and one output more, and a layer that takes several workgroups.
const LAYERS: [(usize, usize); 6] = [(3, 8), (32, 64), (33, 32), (64, 65), (18, 3), (200, 330)];

pub(super) fn cases() -> Vec<Case> {
    let few = [Storage::default(), HALF_STORAGE[0]].map(|storage| layers(LAYERS.to_vec(), storage));
    // More than one launch takes.
    let many = (1..=70).map(|n| (n, 71 - n)).collect();
    few.into_iter().chain([layers(many, Storage::default())]).collect()
}

/// Layers whose weights lie in one buffer, each from a multiple of 256 bytes on.
fn layers(shapes: Vec<(usize, usize)>, storage: Storage) -> Case {
    let name = format!("{} layers", shapes.len());
    Case::new("pointwise/pack", name, move || {
        let mut trial = Trial::default().stored(storage);
        let mut all = Vec::new();
        let mut expected = Vec::new();
        for (number, &shape) in shapes.iter().enumerate() {
            let mut values = uniform(80 + number as u64, layout(shape).len());
            // Of some layers a few are beyond the largest that halves have: beside those, errors of the others would be nothing.
            if number % 3 == 2 {
                values.iter_mut().step_by(29).for_each(|value| *value *= 1e6);
            }
            let begin = all.len();
            all.extend(layout(shape).elements().map(|at| at.map_or(0.0, |at| values[at])));
            all.resize(begin + room(shape), 0.0);
            expected.push(values);
        }
        if storage.weights == Format::Half {
            all.iter_mut().for_each(|value| *value = value.clamp(-65472.0, 65472.0));
        }
        let weights = trial.weights(Layout::flat(all.len()), &mut all);
        let outputs: Vec<_> = shapes
            .iter()
            .zip(expected)
            .map(|(&(inputs, outputs), mut values)| {
                values.iter_mut().for_each(|value| *value = value.clamp(-65472.0, 65472.0));
                round(&mut values, Format::Half);
                trial.halves("packed", Layout::packed(inputs, outputs), values)
            })
            .collect();
        let shapes = shapes.clone();
        trial.record(move |plan, at| {
            let mut begin = 0;
            for (shape, output) in shapes.into_iter().zip(outputs) {
                let (inputs, outputs) = shape;
                let bytes = storage.weights.bytes();
                let own = at(weights).slice(begin * bytes, layout(shape).padded_len() as u64 * bytes);
                begin += room(shape) as u64;
                let packed = Pointwise { rows: 1, inputs, outputs }.packed(plan, own);
                let again = Pointwise { rows: 2, inputs, outputs }.packed(plan, own);
                assert_eq!(packed, again, "what is packed already is taken");
                let output = at(output).with_format(Format::Single);
                limits::copy(plan, packed, output, packed.bytes() / 16);
            }
        })
    })
    .stored(storage)
}

fn layout((inputs, outputs): (usize, usize)) -> Layout {
    Layout::weights(1, inputs, outputs)
}

/// Numbers from the beginning of a layer to that of the next.
fn room(shape: (usize, usize)) -> usize {
    layout(shape).padded_len().next_multiple_of(128)
}
