//! Cases of dropout.

use super::Case;
use super::layout::Layout;
use super::noise::{below, uniform};
use super::optimiser::step_words;
use super::trial::Trial;
use crate::{Dropout, DropoutMode, Shape, Step, cpu};
use DropoutMode::{DownscaleInInfer, UpscaleInTrain};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (batch, channels, rate, mode, seed) in [
        (1, 3, 0.2, UpscaleInTrain, 0),
        (2, 8, 0.5, DownscaleInInfer, 1),
        (5, 18, 0.2, DownscaleInInfer, 7),
        (1, 30, 0.0, UpscaleInTrain, 7),
        (2, 72, 0.5, UpscaleInTrain, u32::MAX),
        (5, 72, 0.0, DownscaleInInfer, 1),
        (5, 960, 0.2, UpscaleInTrain, 123_456_789),
        (2, 960, 1.0, DownscaleInInfer, 3),
    ] {
        let layer = Dropout { shape: Shape::vector(batch, channels), rate, mode, seed };
        cases.push(case(layer));
    }
    cases
}

/// The twin knows the mask without running anything, so every wrong bit of it is an error near 1.
fn case(layer: Dropout) -> Case {
    let name = format!(
        "{}x{} rate {} {:?} seed {}",
        layer.shape.batch, layer.shape.channels, layer.rate, layer.mode, layer.seed
    );
    Case::new("dropout/apply", name, move || {
        let mut trial = Trial::default();
        let layout = Layout::of(&layer.shape);
        let samples = below(81, layer.shape.batch, 1_000_000);
        let step = Step::new(0.1, 0.9, 17, 1234);
        let values = uniform(82, layout.len());
        let mask = cpu::dropout::mask(&layer, step.epoch, &samples);
        let expected = cpu::dropout::apply(&layer, &mask, &values);
        let step = trial.words(step_words(&step));
        let samples = trial.words(samples);
        let x = trial.input(layout, &values);
        let y = trial.output("output", layout, expected);
        trial.record(move |plan, at| layer.apply(plan, "check", at(step), at(samples), at(x), at(y)))
    })
}
