//! Cases of the optimisers.

use super::Case;
use super::layout::Layout;
use super::noise::uniform;
use super::trial::Trial;
use crate::{Clip, Optimiser, Step, Turn, UpdateTensors, accumulate, average, cpu};

/// By the kernels' names, with what they leave out and without.
const OPTIMISERS: [(&str, Optimiser); 9] = [
    ("momentum", Optimiser::Momentum { momentum: 0.9, nesterov: false }),
    ("nesterov", Optimiser::Momentum { momentum: 0.9, nesterov: true }),
    ("sgd", Optimiser::Sgd),
    ("rmsprop", Optimiser::RmsProp { rho: 0.95, epsilon: 1e-6, momentum: 0.0, centered: false }),
    ("rmsprop", Optimiser::RmsProp { rho: 0.9, epsilon: 1e-3, momentum: 0.9, centered: false }),
    ("rmsprop", Optimiser::RmsProp { rho: 0.9, epsilon: 1e-3, momentum: 0.0, centered: true }),
    ("rmsprop", Optimiser::RmsProp { rho: 0.9, epsilon: 1e-3, momentum: 0.9, centered: true }),
    ("adam", Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: false }),
    ("adam", Optimiser::Adam { beta1: 0.8, beta2: 0.99, epsilon: 1e-4, decoupled: true }),
];

pub(super) fn cases() -> Vec<Case> {
    let of = |(kernel, optimiser)| {
        // One block; a workgroup of 256 vectors less and more than full; many workgroups.
        let whole = [64, 960, 1024 + 64, 64 * 1001].map(|length| (length, 1));
        let cases = whole.into_iter().chain([(960, 2), (1024 + 64, 3)]);
        cases.map(move |(length, parts)| case(kernel, optimiser, length, parts)).collect::<Vec<_>>()
    };
    let clipping = [vec![1], vec![15, 1], vec![3, 1000, 1, 257, 16], vec![2; 300]].map(clipping);
    let averages = [4, 960, 64 * 1001]
        .into_iter()
        .flat_map(|length| [0.5, 0.9999].map(|decay| averaging(length, decay)));
    OPTIMISERS.into_iter().flat_map(of).chain(clipping).chain(averages).collect()
}

/// The words of a `Step` on the device.
pub(super) fn step_words(step: &Step) -> Vec<u32> {
    bytemuck::cast_slice(std::slice::from_ref(step)).to_vec()
}

/// Learning-rate factor and decay of a block: trained, without decay, frozen, slow.
const RANGES: [[f32; 2]; 4] = [[1.0, 2e-5], [1.0, 0.0], [0.0, 2e-5], [0.1, 0.05]];

/// The state before the first of the steps: means of squares are above the squares of means.
fn state(slot: &str, number: usize, length: usize) -> Vec<f64> {
    let mut values = uniform(201 + number as u64, length);
    if ["mean_square", "moment2"].contains(&slot) {
        values.iter_mut().for_each(|value| *value = 1.0 + *value * *value);
    }
    values
}

fn case(kernel: &'static str, optimiser: Optimiser, length: usize, parts: usize) -> Case {
    let options = match optimiser {
        Optimiser::RmsProp { momentum, centered, .. } => {
            format!(", momentum {momentum}, centered {centered}")
        }
        Optimiser::Adam { decoupled: true, .. } => ", decoupled".into(),
        _ => String::new(),
    };
    let name = format!("{length} parameters, 3 steps of {parts} parts{options}");
    Case::new(format!("optimiser/{kernel}"), name, move || {
        let mut trial = Trial::default();
        let layout = Layout::flat(length);
        let ranges: Vec<[f32; 2]> = (0..length / Optimiser::BLOCK).map(|block| RANGES[block % 4]).collect();
        let mut parameters = uniform(102, length);
        let names = optimiser.slots();
        let state = names.iter().enumerate().map(|(number, slot)| state(slot, number, length));
        let mut slots: Vec<Vec<f64>> = state.collect();
        let held: Vec<_> = slots.iter().map(|slot| trial.input(layout, slot)).collect();
        // What other kernels left there.
        let sum = trial.poisoned(layout);
        let p = trial.input(layout, &parameters);
        let table = trial.words(ranges.iter().flatten().map(|value| value.to_bits()).collect());
        let mut steps = Vec::new();
        for (number, learning_rate) in [0.1f32, 0.05, 0.8].into_iter().enumerate() {
            // The first one of a run, and later ones.
            let updates = 40 * number as u64;
            let step = optimiser.step(learning_rate, 0, number as u32, updates);
            let whole = trial.words(step_words(&step));
            let mut mean = vec![0.0; length];
            for part in 0..parts {
                // Uneven ones, which are 1 in all.
                let share = (2 * part + 1) as f32 / (parts * parts) as f32;
                let gradients = uniform((103 + number * parts + part) as u64, length);
                mean.iter_mut().zip(&gradients).for_each(|(m, g)| *m += f64::from(share) * g);
                let of_part = step.in_turn(Turn::ALONE.part(part, parts, share));
                let last = part + 1 == parts;
                steps.push((
                    trial.words(step_words(&of_part)),
                    trial.input(layout, &gradients),
                    last.then_some(whole),
                ));
            }
            // The twin takes the batch as a whole.
            let rate = f64::from(learning_rate);
            cpu::optimiser::update(&optimiser, rate, updates, &ranges, &mean, &mut slots, &mut parameters);
        }
        for ((slot, held), values) in names.iter().zip(&held).zip(slots) {
            trial.expect(slot, *held, layout, values);
        }
        trial.expect("parameters", p, layout, parameters);
        trial.record(move |plan, at| {
            let slots: Vec<_> = held.iter().map(|slot| at(*slot)).collect();
            for (step, gradients, whole) in steps {
                let tensors = UpdateTensors {
                    step: at(step),
                    ranges: at(table),
                    gradients: at(gradients),
                    parameters: at(p),
                    slots: &slots,
                };
                if parts == 1 || optimiser.adds_up() {
                    optimiser.update(plan, length, &tensors);
                    continue;
                }
                accumulate(plan, length, at(step), at(gradients), at(sum));
                if let Some(whole) = whole {
                    let tensors = UpdateTensors { step: at(whole), gradients: at(sum), ..tensors };
                    optimiser.update(plan, length, &tensors);
                }
            }
        })
    })
}

/// Tensors of so many blocks, of which every other one is beyond the limit.
fn clipping(blocks: Vec<u32>) -> Case {
    let name = format!("{} tensors of up to {} blocks", blocks.len(), blocks.iter().max().unwrap_or(&0));
    Case::new("optimiser/clip", name, move || {
        let mut trial = Trial::default();
        let mut first = 0;
        let tensors: Vec<[u32; 2]> = blocks
            .iter()
            .map(|&count| {
                first += count;
                [first - count, count]
            })
            .collect();
        let length = first as usize * Optimiser::BLOCK;
        let layout = Layout::flat(length);
        let mut gradients = uniform(301, length);
        // Every other tensor is small.
        for (number, [first, count]) in tensors.iter().enumerate() {
            let range = [*first, first + count].map(|block| block as usize * Optimiser::BLOCK);
            let scale = if number % 2 == 0 { 3.0 } else { 0.01 };
            gradients[range[0]..range[1]].iter_mut().for_each(|g| *g = f64::from((*g * scale) as f32));
        }
        let g = trial.input(layout, &gradients);
        let table = trial.words(tensors.iter().flatten().copied().collect());
        let clip = Clip { limit: 1.5, length, tensors: tensors.len() };
        cpu::optimiser::clip(1.5, &tensors, &mut gradients);
        trial.expect("gradients", g, layout, gradients);
        trial.record(move |plan, at| clip.clip(plan, at(table), at(g)))
    })
}

/// The values stay away from the average, so that what they add to it shows.
fn averaging(length: usize, decay: f64) -> Case {
    Case::new("optimiser/average", format!("{length} values, decay {decay}"), move || {
        let mut trial = Trial::default();
        let layout = Layout::flat(length);
        let values: Vec<f64> = uniform(401, length).iter().map(|v| f64::from((v * 1000.0) as f32)).collect();
        let mut averages = uniform(402, length);
        let (v, a) = (trial.input(layout, &values), trial.input(layout, &averages));
        for _ in 0..2 {
            cpu::optimiser::average(decay, &values, &mut averages);
        }
        trial.expect("average", a, layout, averages);
        trial.record(move |plan, at| {
            for _ in 0..2 {
                average(plan, length, decay, at(v), at(a));
            }
        })
    })
}
