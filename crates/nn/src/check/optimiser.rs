//! Cases of the optimiser.

use super::Case;
use super::layout::Layout;
use super::noise::uniform;
use super::trial::Trial;
use crate::{Momentum, Step, cpu};

pub(super) fn cases() -> Vec<Case> {
    // One block; a workgroup of 256 vectors less and more than full; many workgroups.
    let whole = [64, 960, 1024 + 64, 64 * 1001].map(|length| case(length, 1));
    whole.into_iter().chain([case(960, 2), case(1024 + 64, 3)]).collect()
}

/// The words of a `Step` on the device.
pub(super) fn step_words(step: &Step) -> Vec<u32> {
    bytemuck::cast_slice(std::slice::from_ref(step)).to_vec()
}

/// Learning-rate factor and decay of a block: trained, without decay, frozen, slow.
const RANGES: [[f32; 2]; 4] = [[1.0, 2e-5], [1.0, 0.0], [0.0, 2e-5], [0.1, 0.05]];

fn case(length: usize, parts: usize) -> Case {
    let name = format!("{length} parameters, 3 steps of {parts} parts");
    Case::new("optimiser/momentum", name, move || {
        let layer = Momentum { length };
        let mut trial = Trial::default();
        let layout = Layout::flat(length);
        let ranges: Vec<[f32; 2]> = (0..length / Momentum::BLOCK).map(|block| RANGES[block % 4]).collect();
        let (mut velocity, mut parameters) = (uniform(101, length), uniform(102, length));
        let v = trial.input(layout, &velocity);
        let p = trial.input(layout, &parameters);
        let table = trial.words(ranges.iter().flatten().map(|value| value.to_bits()).collect());
        let mut steps = Vec::new();
        for (number, learning_rate) in [0.1, 0.05, 0.8].into_iter().enumerate() {
            let step = Step::new(learning_rate, 0.9, 0, number as u32);
            let mut mean = vec![0.0; length];
            for part in 0..parts {
                // Uneven ones, which are 1 in all.
                let share = (2 * part + 1) as f32 / (parts * parts) as f32;
                let gradients = uniform((103 + number * parts + part) as u64, length);
                mean.iter_mut().zip(&gradients).for_each(|(m, g)| *m += f64::from(share) * g);
                let of_part = if parts == 1 { step } else { step.of_part(part, parts, share) };
                steps.push((trial.words(step_words(&of_part)), trial.input(layout, &gradients)));
            }
            // The twin takes the batch as a whole.
            cpu::optimiser::momentum(&step, &ranges, &mean, &mut velocity, &mut parameters);
        }
        trial.expect("velocity", v, layout, velocity);
        trial.expect("parameters", p, layout, parameters);
        trial.record(move |plan, at| {
            for (step, gradients) in steps {
                layer.update(plan, "check", at(step), at(table), at(gradients), at(v), at(p));
            }
        })
    })
}
