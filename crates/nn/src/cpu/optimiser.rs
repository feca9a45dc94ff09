//! Twin of [`Momentum`].

use crate::{Momentum, Step};

/// One update of `parameters` and `velocity` in place. `ranges` holds the learning-rate factor and the
/// decay of each [`Momentum::BLOCK`] parameters.
pub fn momentum(
    step: &Step,
    ranges: &[[f32; 2]],
    gradients: &[f64],
    velocity: &mut [f64],
    parameters: &mut [f64],
) {
    for at in 0..parameters.len() {
        let [factor, decay] = ranges[at / Momentum::BLOCK].map(f64::from);
        let gradient = f64::from(step.share) * gradients[at] + f64::from(step.decay) * decay * parameters[at];
        velocity[at] = f64::from(step.momentum) * velocity[at] + gradient;
        parameters[at] -= f64::from(step.learning_rate) * factor * velocity[at];
    }
}
