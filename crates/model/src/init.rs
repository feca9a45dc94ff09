//! Initial weights, as the families draw them.

use crate::{Architecture, Family, HostTensor, ParameterKind, ParameterLayout, ParameterSpec, Weights};
use photonet_vision::{Purpose, Random, RngKey};

/// Fresh weights for `architecture`, the same for the same seed on every machine.
///
/// Paddle: convolutions N(0, sqrt(2 / (k k inputs))) with the full input count even for depthwise
/// ones, linear Xavier uniform. Torchvision and timm: convolutions Kaiming normal by fan-out,
/// linear N(0, 0.01). Biases 0, batch normalisation 1 and 0.
pub fn initialise(architecture: &Architecture, seed: u64) -> Weights {
    let layout = ParameterLayout::new(architecture);
    let mut weights = Weights::default();
    for (index, spec) in layout.all().enumerate() {
        let key = RngKey { seed, epoch: 0, sample: index as u32 };
        let mut random = Random::new(key, Purpose::Init);
        let count = spec.file_elements();
        let data: Vec<f32> = match distribution(architecture.family, spec) {
            Distribution::Constant(value) => vec![value; count],
            Distribution::Normal(deviation) => {
                (0..count).map(|_| (random.normal() * deviation) as f32).collect()
            }
            Distribution::Uniform(bound) => (0..count).map(|_| random.range(-bound, bound) as f32).collect(),
        };
        weights.tensors.insert(spec.name.clone(), HostTensor { shape: spec.shape.clone(), data });
    }
    weights
}

#[derive(Debug, PartialEq)]
enum Distribution {
    Constant(f32),
    Normal(f64),
    Uniform(f64),
}

fn distribution(family: Family, spec: &ParameterSpec) -> Distribution {
    let size = |axis: usize| spec.shape.get(axis).copied().unwrap_or(1) as f64;
    let taps = size(2) * size(3);
    match spec.kind {
        ParameterKind::Vector => {
            let one = spec.name.ends_with("bn.weight") || spec.name.ends_with("running_var");
            Distribution::Constant(f32::from(u8::from(one)))
        }
        ParameterKind::Linear if family == Family::Paddle => {
            Distribution::Uniform((6.0 / (size(0) + size(1))).sqrt())
        }
        ParameterKind::Linear => Distribution::Normal(0.01),
        kind => {
            let fan = match (family, kind) {
                // Paddle takes the full channel count even for depthwise filters.
                (Family::Paddle, ParameterKind::Depthwise) => size(0) * taps,
                (Family::Paddle, _) => size(1) * taps,
                (_, ParameterKind::Depthwise) => taps,
                _ => size(0) * taps,
            };
            Distribution::Normal((2.0 / fan).sqrt())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Variant;

    fn deviation(weights: &Weights, name: &str) -> f64 {
        let data = &weights.get(name).unwrap().data;
        let mean = data.iter().map(|v| f64::from(*v)).sum::<f64>() / data.len() as f64;
        (data.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / data.len() as f64).sqrt()
    }

    #[test]
    fn deviations_follow_the_families() {
        let paddle = Architecture::new(Family::Paddle, Variant::Large, 1.0, 1000).unwrap();
        let weights = initialise(&paddle, 1);
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 0.03;
        // 5x5 depthwise over 960 channels: sqrt(2 / 24000).
        assert!(close(deviation(&weights, "blocks.14.depthwise.conv.weight"), 0.0091287));
        assert!(close(deviation(&weights, "head.weight"), (2.0_f64 / 960.0).sqrt()));
        let xavier = (6.0_f64 / 2280.0).sqrt();
        assert!(close(deviation(&weights, "classifier.weight"), xavier / 3_f64.sqrt()));
        let torch = Architecture::new(Family::Torchvision, Variant::Large, 1.0, 1000).unwrap();
        let weights = initialise(&torch, 1);
        assert!(close(deviation(&weights, "blocks.14.depthwise.conv.weight"), (2.0_f64 / 25.0).sqrt()));
        assert!(close(deviation(&weights, "last.conv.weight"), (2.0_f64 / 960.0).sqrt()));
        assert!(close(deviation(&weights, "classifier.weight"), 0.01));
        assert_eq!(initialise(&torch, 1), initialise(&torch, 1));
        assert_ne!(initialise(&torch, 1), initialise(&torch, 2));
    }
}
