//! Weights and the network of twins to compare with.

pub mod noise;
pub mod twin;

use photonet_model::{Architecture, Input, ParameterLayout, Weights};

/// Bytes to about -2 to 2, each channel in its own way.
pub fn input(size: usize) -> Input {
    Input { size, scale: 1.0 / 255.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }
}

/// Weights of about the scale of a trained network's, and no bias or statistic at its neutral value.
pub fn weights(architecture: &Architecture, seed: u64) -> Weights {
    let mut weights = Weights::default();
    for (index, spec) in ParameterLayout::new(architecture).all().enumerate() {
        let fan_in: usize = spec.shape[1..].iter().product();
        let (low, high) = match spec.shape.len() {
            1 if spec.name.ends_with("running_var") => (0.7, 1.3),
            1 if spec.name.ends_with("weight") => (0.6, 1.2),
            1 => (-0.4, 0.4),
            _ => {
                let bound = (6.0 / fan_in as f32).sqrt();
                (-bound, bound)
            }
        };
        let values = noise::between(seed * 1000 + index as u64, spec.file_elements(), low, high);
        weights.insert(&spec.name, spec.shape.clone(), values);
    }
    weights
}
