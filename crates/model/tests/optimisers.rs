//! The optimisers' twins against PaddlePaddle, step by step: `tests/golden/README.md` says what is compared. That the kernels are their
//! twins' `photonet check` says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod formula;

use formula::{hash, uniform};
use photonet_nn::{Optimiser, cpu};
use safetensors::SafeTensors;
use std::path::PathBuf;

/// Rounding of PaddlePaddle's own steps, in single precision, moves the weights by up to 6e-7.
const TOLERANCE: f64 = 2e-6;
const RATES: [f64; 6] = [0.02, 0.05, 0.01, 0.04, 0.03, 0.02];
const LENGTH: usize = 64;

/// The optimiser of each name, and the decay of its `weight` and of its `bias`.
fn optimisers() -> Vec<(&'static str, Optimiser, [f32; 2])> {
    let momentum = |nesterov| Optimiser::Momentum { momentum: 0.9, nesterov };
    let rms = |centered| Optimiser::RmsProp { rho: 0.9, epsilon: 1e-3, momentum: 0.9, centered };
    let adam = |decoupled| Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled };
    let others = Optimiser::Adam { beta1: 0.8, beta2: 0.99, epsilon: 1e-4, decoupled: false };
    let rms_plain = Optimiser::RmsProp { rho: 0.95, epsilon: 1e-6, momentum: 0.0, centered: false };
    vec![
        ("sgd", Optimiser::Sgd, [0.05, 0.0]),
        ("momentum", momentum(false), [0.05, 0.0]),
        ("nesterov", momentum(true), [0.05, 0.0]),
        ("rmsprop", rms_plain, [0.05, 0.0]),
        ("rmsprop_momentum", rms(false), [0.05, 0.0]),
        ("rmsprop_centered", rms(true), [0.05, 0.0]),
        ("adam", adam(false), [0.05, 0.0]),
        ("adam_others", others, [0.0, 0.0]),
        ("adamw", adam(true), [0.05, 0.05]),
        ("adamw_exempt", adam(true), [0.05, 0.0]),
        ("clipped", momentum(false), [0.05, 0.0]),
    ]
}

fn values(name: &str) -> Vec<f64> {
    let h = hash(name);
    (0..LENGTH).map(|i| f64::from(uniform(h, i) as f32)).collect()
}

#[test]
fn every_step_is_paddlepaddles() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/optimisers.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    let mut read = 0;
    for (name, optimiser, decays) in optimisers() {
        for (tensor, decay) in ["weight", "bias"].into_iter().zip(decays) {
            let view = golden.tensor(&format!("{name}/{tensor}")).unwrap();
            assert_eq!(view.shape(), [RATES.len(), LENGTH]);
            read += 1;
            let expected: Vec<f64> = view
                .data()
                .chunks_exact(4)
                .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())))
                .collect();
            let mut parameters = values(&format!("optimiser/{tensor}"));
            let mut slots = vec![vec![0.0; LENGTH]; optimiser.slots().len()];
            for (step, rate) in RATES.into_iter().enumerate() {
                let mut gradients = values(&format!("optimiser/{tensor}/{step}"));
                gradients.iter_mut().enumerate().for_each(|(i, g)| *g /= f64::from(1 << (i % 8)));
                if name == "clipped" {
                    cpu::optimiser::clip(1.0, &[[0, 1]], &mut gradients);
                }
                let ranges = [[1.0, decay]];
                cpu::optimiser::update(
                    &optimiser,
                    rate,
                    step as u64,
                    &ranges,
                    &gradients,
                    &mut slots,
                    &mut parameters,
                );
                let expected = &expected[step * LENGTH..(step + 1) * LENGTH];
                let norm = |of: &mut dyn Iterator<Item = f64>| of.map(|x| x * x).sum::<f64>().sqrt();
                let off = norm(&mut parameters.iter().zip(expected).map(|(a, b)| a - b));
                let error = off / norm(&mut expected.iter().copied());
                assert!(error < TOLERANCE, "{name}/{tensor}, step {step}: {error:.1e}");
            }
        }
    }
    assert_eq!(read, golden.names().len());
}
