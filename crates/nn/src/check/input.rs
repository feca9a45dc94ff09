//! Cases of the input normalisation.

use super::activation::shape_name;
use super::layout::Layout;
use super::noise::below;
use super::trial::Trial;
use super::{Case, HALF_STORAGE};
use crate::{Activation, Normalise, Shape, cpu};
use photonet_gpu::Storage;

pub(super) fn cases() -> Vec<Case> {
    let shape = |n, h, w| Shape::new(n, h, w, 3);
    // One to four bytes in the last word, and whole photos.
    let shapes = [
        shape(1, 1, 1),
        shape(2, 1, 1),
        shape(1, 1, 3),
        shape(5, 1, 1),
        shape(1, 7, 7),
        shape(2, 15, 15),
        shape(5, 15, 7),
        shape(1, 112, 112),
    ];
    let formats = [Storage::default(), HALF_STORAGE[0]];
    formats.into_iter().flat_map(|storage| shapes.map(|shape| case(shape, storage))).collect()
}

fn case(shape: Shape, storage: Storage) -> Case {
    Case::new("input/normalise", shape_name(&shape), move || {
        let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        let layer = Normalise { shape, scale: 1.0 / 255.0, mean, std };
        let mut trial = Trial::default().stored(storage);
        let mut bytes: Vec<u8> =
            below(91, shape.rows() * 3, 256).into_iter().map(|word| word as u8).collect();
        let expected = cpu::input::forward(&layer, &bytes);
        bytes.resize(layer.input_bytes() as usize, 0xff);
        let words = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let x = trial.words(words.collect());
        let y = trial.activated("output", Activation::Identity, Layout::of(&shape), expected);
        trial.record(move |plan, at| layer.forward(plan, "check", at(x), at(y)))
    })
    .stored(storage)
}
