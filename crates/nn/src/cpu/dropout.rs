//! Twin of [`Dropout`].

use crate::{Dropout, DropoutMode};

/// Four random numbers of a key: the pcg4d hash, word by word.
/// Source: Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020.
pub fn random4(key: [u32; 4]) -> [u32; 4] {
    let [mut x, mut y, mut z, mut w] = key.map(|k| k.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let mix = |[x, y, z, w]: [&mut u32; 4]| {
        *x = x.wrapping_add(y.wrapping_mul(*w));
        *y = y.wrapping_add(z.wrapping_mul(*x));
        *z = z.wrapping_add(x.wrapping_mul(*y));
        *w = w.wrapping_add(y.wrapping_mul(*z));
    };
    mix([&mut x, &mut y, &mut z, &mut w]);
    for word in [&mut x, &mut y, &mut z, &mut w] {
        *word ^= *word >> 16;
    }
    mix([&mut x, &mut y, &mut z, &mut w]);
    [x, y, z, w]
}

/// Which elements are kept, `[rows][channels]`: those whose random number, as a fraction of 1 with
/// 24 bits, is not below the rate. Four neighbouring channels share one key.
pub fn mask(layer: &Dropout, epoch: u32, samples: &[u32]) -> Vec<bool> {
    let channels = layer.shape.channels;
    let threshold = (f64::from(layer.rate) * 2_f64.powi(24)).round();
    let kept = |sample: u32, c: usize| {
        let numbers = random4([layer.seed, epoch, sample, (c / 4) as u32]);
        f64::from(numbers[c % 4] >> 8) >= threshold
    };
    assert_eq!(samples.len(), layer.shape.rows());
    samples.iter().flat_map(|&sample| (0..channels).map(move |c| kept(sample, c))).collect()
}

/// A training step's masking, of the values and, with the same mask, of their gradient.
pub fn apply(layer: &Dropout, mask: &[bool], input: &[f64]) -> Vec<f64> {
    assert_eq!(mask.len(), input.len());
    let scale = match layer.mode {
        DropoutMode::UpscaleInTrain => 1.0 / (1.0 - f64::from(layer.rate)),
        DropoutMode::DownscaleInInfer => 1.0,
    };
    mask.iter().zip(input).map(|(&kept, x)| if kept { x * scale } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn about_the_rate_is_dropped_and_every_key_matters() {
        let shape = Shape::vector(64, 1000);
        let layer = Dropout { shape, rate: 0.2, mode: DropoutMode::UpscaleInTrain, seed: 1 };
        let samples: Vec<u32> = (0..64).collect();
        let masked = mask(&layer, 0, &samples);
        let dropped = masked.iter().filter(|&&kept| !kept).count() as f64 / masked.len() as f64;
        // Five standard deviations of 64,000 draws.
        assert!((dropped - 0.2).abs() < 0.008, "{dropped}");
        let differs = |other: Vec<bool>| masked.iter().zip(other).filter(|(a, b)| *a != b).count() > 10_000;
        assert!(differs(mask(&layer, 1, &samples)));
        assert!(differs(mask(&Dropout { seed: 2, ..layer }, 0, &samples)));
        assert!(differs(mask(&layer, 0, &(64..128).collect::<Vec<_>>())));
    }
}
