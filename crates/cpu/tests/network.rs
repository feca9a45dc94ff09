//! Whole networks against a composition of the `f64` twins.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use photonet_cpu::{CpuError, CpuNetwork, Instructions, LayerKind};
use photonet_model::{Architecture, Family, ModelError, Variant};
use support::{input, noise, twin, weights};

/// Of the largest value of the twin.
const TOLERANCE: f64 = 1e-4;

fn architecture(family: Family, variant: Variant, width: f64) -> Architecture {
    Architecture::new(family, variant, width, 13).unwrap()
}

fn assert_close(what: &str, got: &[f32], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
    assert!(largest > 0.01, "{what}: nothing to compare in {expected:?}");
    let apart = got.iter().zip(expected).map(|(g, e)| (f64::from(*g) - e).abs()).fold(0.0, f64::max);
    assert!(apart <= TOLERANCE * largest, "{what}: {apart:.2e} apart, the largest is {largest:.2e}");
}

/// Every instruction set of this machine against the twins.
fn compare(architecture: &Architecture, sizes: &[usize]) {
    let weights = weights(architecture, 1);
    for &size in sizes {
        let input = input(size);
        let pixels = noise::bytes(size as u64, input.image_bytes());
        let truth = twin::run(architecture, &weights, &input, &pixels);
        for instructions in Instructions::available() {
            let mut network =
                CpuNetwork::with_instructions(architecture, &weights, &input, instructions).unwrap();
            let outputs = network.run(&pixels).unwrap();
            let what = |part| format!("{architecture}, {size} px, {instructions}, {part}");
            assert_close(&what("logits"), &outputs.logits, &truth.logits);
            assert_close(&what("pooled"), &outputs.pooled, &truth.pooled);
            assert_close(&what("head"), &outputs.head, &truth.head);
        }
    }
}

#[test]
fn narrow_paddle_small_equals_its_twins() {
    compare(&architecture(Family::Paddle, Variant::Small, 0.35), &[32, 53, 97, 224]);
}

#[test]
fn torchvision_small_equals_its_twins() {
    compare(&architecture(Family::Torchvision, Variant::Small, 1.0), &[32, 53, 97, 224]);
}

#[test]
fn tensorflow_small_equals_its_twins() {
    compare(&architecture(Family::TimmTf, Variant::Small, 1.0), &[32, 53, 97, 224]);
}

#[test]
fn tensorflow_large_equals_its_twins() {
    compare(&architecture(Family::TimmTf, Variant::Large, 1.0), &[32, 53, 97, 224]);
}

#[test]
fn other_widths_and_switches_equal_their_twins() {
    compare(&architecture(Family::Paddle, Variant::Large, 0.5), &[64]);
    compare(&architecture(Family::Timm, Variant::Large, 0.75), &[45]);
    compare(&architecture(Family::Torchvision, Variant::Large, 1.25), &[33]);
    let mut minimal = architecture(Family::TimmTf, Variant::Small, 0.75);
    minimal.switches.minimal = true;
    compare(&minimal, &[80]);
}

#[test]
fn the_same_image_gives_the_same_bits_in_any_batch() {
    let architecture = architecture(Family::Torchvision, Variant::Small, 0.5);
    let weights = weights(&architecture, 2);
    let input = input(61);
    let pixels = noise::bytes(5, 3 * input.image_bytes());
    for instructions in Instructions::available() {
        let mut network =
            CpuNetwork::with_instructions(&architecture, &weights, &input, instructions).unwrap();
        let batch = network.run(&pixels).unwrap().clone();
        assert_eq!(batch.logits.len(), 3 * 13);
        assert_eq!(*network.run(&pixels).unwrap(), batch);
        for (index, image) in pixels.chunks_exact(input.image_bytes()).enumerate().rev() {
            let alone = network.run(image).unwrap();
            for (alone, batch) in
                [(&alone.logits, &batch.logits), (&alone.pooled, &batch.pooled), (&alone.head, &batch.head)]
            {
                assert_eq!(*alone, batch[index * alone.len()..][..alone.len()]);
            }
        }
        assert!(network.run(&[]).unwrap().logits.is_empty());
    }
}

/// Both add up in the same order with the same roundings, so a photo gets the same answer on either.
#[test]
fn longer_vectors_give_the_same_bits() {
    let architecture = architecture(Family::Paddle, Variant::Small, 1.0);
    let (weights, input) = (weights(&architecture, 6), input(97));
    let pixels = noise::bytes(7, input.image_bytes());
    let run = |instructions| {
        let mut network = CpuNetwork::with_instructions(&architecture, &weights, &input, instructions)?;
        network.run(&pixels).cloned()
    };
    match (run(Instructions::Avx2), run(Instructions::Avx512)) {
        (Ok(short), Ok(long)) => assert_eq!(short, long),
        (_, Err(error)) => println!("skipped: {error}"),
        (Err(error), Ok(_)) => panic!("{error}"),
    }
}

#[test]
fn a_profile_names_every_step_of_every_image() {
    let architecture = architecture(Family::Paddle, Variant::Small, 0.35);
    let input = input(32);
    let mut network = CpuNetwork::new(&architecture, &weights(&architecture, 3), &input).unwrap();
    assert_eq!(network.instructions(), Instructions::best());
    let mut ticks = 0.0;
    let clock = || {
        ticks += 1.0;
        ticks
    };
    let times = network.profile(&noise::bytes(1, 2 * input.image_bytes()), clock).unwrap();
    // Stem, 11 blocks of expand, depthwise and project, 9 gates, last, pool, head, classifier.
    assert_eq!(times.len(), 2 * (1 + 33 + 9 + 4));
    assert!(times.iter().all(|step| step.time == 1.0));
    assert_eq!((times[0].name, times[0].kind), ("stem", LayerKind::Stem));
    assert_eq!((times[93].name, times[93].kind), ("classifier", LayerKind::Dense));
    for kind in LayerKind::ALL {
        assert!(times.iter().any(|step| step.kind == kind), "{kind}");
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let architecture = architecture(Family::Paddle, Variant::Small, 0.35);
    let weights = weights(&architecture, 4);
    let make = |weights, input| CpuNetwork::new(&architecture, weights, &input).err();
    let mut network = CpuNetwork::new(&architecture, &weights, &input(32)).unwrap();
    let error = network.run(&[0; 3071]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "images of 32x32 take 3072 bytes each, got 3071 bytes: pass whole RGB images"
    );
    assert!(matches!(make(&weights, input(31)), Some(CpuError::Model(ModelError::Architecture(_)))));
    let mut flat = input(32);
    flat.std[1] = 0.0;
    assert!(matches!(make(&weights, flat), Some(CpuError::Normalisation(_))));
    let mut missing = weights.clone();
    missing.tensors.remove("stem.bn.bias");
    let error = make(&missing, input(32));
    assert!(matches!(error, Some(CpuError::Model(ModelError::Weights { .. }))), "{error:?}");
    #[cfg(target_arch = "x86_64")]
    {
        let neon =
            CpuNetwork::with_instructions(&architecture, &weights, &input(32), Instructions::Neon).err();
        assert!(
            neon.unwrap().to_string().starts_with("this CPU cannot run neon code: use one of portable, sse2")
        );
    }
}
