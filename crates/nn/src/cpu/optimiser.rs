//! Twins of [`Optimiser`], [`Clip`](crate::Clip) and [`average`](crate::average).

use crate::Optimiser;

/// The update of `parameters` and of the optimiser's `slots` in place, after `updates` others, at `learning_rate`.
///
/// `ranges` holds the learning-rate factor and the decay of each [`Optimiser::BLOCK`] parameters; `slots` are in the order of
/// [`Optimiser::slots`].
pub fn update(
    optimiser: &Optimiser,
    learning_rate: f64,
    updates: u64,
    ranges: &[[f32; 2]],
    gradients: &[f64],
    slots: &mut [Vec<f64>],
    parameters: &mut [f64],
) {
    for (at, p) in parameters.iter_mut().enumerate() {
        let [factor, decay] = ranges[at / Optimiser::BLOCK].map(f64::from);
        let rate = learning_rate * factor;
        let g = gradients[at] + decay * *p;
        match *optimiser {
            Optimiser::Sgd => *p -= rate * g,
            Optimiser::Momentum { momentum, nesterov } => {
                let momentum = f64::from(momentum);
                let v = &mut slots[0][at];
                *v = momentum * *v + g;
                *p -= rate * if nesterov { g + momentum * *v } else { *v };
            }
            Optimiser::RmsProp { rho, epsilon, momentum, centered } => {
                let [rho, epsilon] = [rho, epsilon].map(f64::from);
                let average = |kept: &mut f64, new: f64| {
                    *kept = rho * *kept + (1.0 - rho) * new;
                    *kept
                };
                let mut spread = average(&mut slots[0][at], g * g);
                if centered {
                    // Always the last.
                    let last = slots.len() - 1;
                    spread -= average(&mut slots[last][at], g).powi(2);
                }
                let mut moved = rate * g / (spread + epsilon).sqrt();
                if momentum > 0.0 {
                    moved += f64::from(momentum) * slots[1][at];
                    slots[1][at] = moved;
                }
                *p -= moved;
            }
            Optimiser::Adam { beta1, beta2, epsilon, decoupled } => {
                let g = if decoupled { gradients[at] } else { g };
                if decoupled {
                    *p *= 1.0 - rate * decay;
                }
                let mut corrected = |slot: usize, beta: f32, new: f64| {
                    let (kept, beta) = (&mut slots[slot][at], f64::from(beta));
                    *kept = beta * *kept + (1.0 - beta) * new;
                    *kept / (1.0 - beta.powf((updates + 1) as f64))
                };
                let (mean, square) = (corrected(0, beta1, g), corrected(1, beta2, g * g));
                *p -= rate * mean / (square.sqrt() + f64::from(epsilon));
            }
        }
    }
}

/// Clips the gradient of each of `tensors`, given by its first block of [`Optimiser::BLOCK`] values and the number of its blocks,
/// to a norm of at most `limit`.
pub fn clip(limit: f64, tensors: &[[u32; 2]], gradients: &mut [f64]) {
    for [first, blocks] in tensors {
        let range = [*first, first + blocks].map(|block| block as usize * Optimiser::BLOCK);
        let values = &mut gradients[range[0]..range[1]];
        let norm = values.iter().map(|g| g * g).sum::<f64>().sqrt();
        if norm > limit {
            values.iter_mut().for_each(|g| *g *= limit / norm);
        }
    }
}

/// The exponential moving average of `values`, in place.
pub fn average(decay: f64, values: &[f64], average: &mut [f64]) {
    average.iter_mut().zip(values).for_each(|(kept, new)| *kept = decay * *kept + (1.0 - decay) * new);
}
