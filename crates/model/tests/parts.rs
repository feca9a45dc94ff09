//! Batches that a device cannot take as a whole.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use photonet_gpu::{Gpu, GpuOptions};
use photonet_model::{
    Architecture, Family, FoldedWeights, InferenceNetwork, InferenceOptions, Input, ModelError,
    ParameterLayout, Precision, TrainBuffers, TrainNetwork, TrainOptions, Tuning, Variant, Weights,
    initialise,
};
use photonet_nn::{Answer, Metrics, Step};
use std::sync::Arc;

const INPUT: Input =
    Input { size: 64, scale: 1.0 / 255.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

fn architecture() -> Architecture {
    Architecture::new(Family::Paddle, Variant::Small, 0.35, 7).unwrap()
}

fn options(batch: usize, tuning: Tuning) -> TrainOptions {
    let precision = Precision::Single;
    TrainOptions {
        batch,
        input: INPUT,
        smoothing: 0.1,
        class_weights: Some((1..8).map(|i| 0.25 * i as f32).collect()),
        topk: [1, 0, 0, 0],
        dropout_seed: 5,
        tuning,
        precision,
    }
}

fn pixels(batch: usize) -> Vec<u8> {
    (0..batch * INPUT.image_bytes()).map(|i| (i * i % 251) as u8).collect()
}

/// Steps in `count` parts each: weights, velocity and metrics behind them.
async fn trained(gpu: &Arc<Gpu>, steps: u32, tuning: Tuning, count: usize) -> (Weights, Weights, Metrics) {
    let batch = 5;
    let architecture = architecture();
    let weights = initialise(&architecture, 3);
    let buffers = TrainBuffers::new(gpu, &architecture, &weights, 1e-2, &tuning).await.unwrap();
    let options = options(batch, tuning);
    let network = TrainNetwork::in_parts(&buffers, &architecture, &options, count).await.unwrap();
    assert_eq!(network.parts().0.len(), count);
    // Two labels for each image, and classes that count differently, so that parts differ in what they weigh.
    let weights: Vec<f32> = (1..8).map(|i| 0.25 * i as f32).collect();
    let answer = |i: u32| Answer { second: (i + 2) % 7, share: 0.125 * i as f32, ..Answer::of(i % 7) };
    let mut answers: Vec<Answer> = (0..batch as u32).map(answer).collect();
    Answer::scale(&mut answers, &weights);
    let samples: Vec<u32> = (10..10 + batch as u32).collect();
    for number in 0..steps {
        let step = Step::new(0.1, 0.9, 0, number);
        network.step(&pixels(batch), &answers, &samples, step).unwrap();
    }
    let metrics = buffers.take_metrics().await.unwrap();
    (buffers.weights().await.unwrap(), buffers.velocity().await.unwrap(), metrics)
}

/// The largest difference of a tensor, relative to its norm.
fn off(a: &Weights, b: &Weights) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let of = |name: &String| {
        let (a, b) = (&a.tensors[name].data, &b.tensors[name].data);
        let size = norm(&mut b.iter().map(|v| f64::from(*v)));
        norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b))) / size.max(1e-3)
    };
    a.tensors.keys().map(of).fold(0.0, f64::max)
}

#[test]
fn parts_add_up_to_the_batch() {
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::portable()).await.unwrap();
        // With constant statistics an image's gradient does not depend on the others.
        let constant = Tuning { constant_statistics: true, ..Tuning::default() };
        let (weights, velocity, metrics) = trained(&gpu, 2, constant, 1).await;
        for count in [2, 3] {
            let (parts, speed, of_parts) = trained(&gpu, 2, constant, count).await;
            let (weights, velocity) = (off(&parts, &weights), off(&speed, &velocity));
            println!("{count} parts: weights {weights:.1e}, velocity {velocity:.1e}");
            assert!(weights < 1e-5 && velocity < 1e-4, "{weights:.1e} {velocity:.1e}");
            assert_eq!((of_parts.images, of_parts.top, of_parts.bad), (10, metrics.top, 0));
            assert!((of_parts.loss - metrics.loss).abs() < 1e-4 * metrics.loss);
        }
        // With statistics of each part it is another step, but the running ones move as far: the stem's, which in the first step see
        // the same weights, are those of the whole batch but for how the parts follow one another.
        let (whole, ..) = trained(&gpu, 1, Tuning::default(), 1).await;
        let (parts, ..) = trained(&gpu, 1, Tuning::default(), 2).await;
        assert!(off(&parts, &whole) > 1e-3);
        let stem = |weights: &Weights| weights.tensors["stem.bn.running_mean"].data.clone();
        let far = stem(&parts).iter().zip(stem(&whole)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let size = stem(&whole).iter().fold(0.0, |m: f32, v| m.max(v.abs()));
        assert!(far < 0.02 * size, "{far} of {size}");
    });
}

#[test]
fn a_device_with_a_small_limit_takes_parts() {
    pollster::block_on(async {
        let architecture = architecture();
        let weights = initialise(&architecture, 3);
        // The parameters lie in one buffer; an image's widest tensor has 32x32 positions of 16 channels.
        let parameters = ParameterLayout::new(&architecture).parameter_length as u64 * 4;
        let of_image = 32 * 32 * 16 * 4;
        let batch = (parameters * 5 / 2 / of_image) as usize;
        let limited = GpuOptions { binding_limit: Some(parameters), ..GpuOptions::portable() };
        let gpu = Gpu::open(&limited).await.unwrap();
        assert_eq!(gpu.binding_limit(), parameters);

        let tuning = Tuning::default();
        let buffers = TrainBuffers::new(&gpu, &architecture, &weights, 0.0, &tuning).await.unwrap();
        let network = TrainNetwork::new(&buffers, &architecture, &options(batch, tuning)).await.unwrap();
        let (parts, reason) = network.parts();
        assert_eq!((parts.len(), parts.iter().sum::<usize>()), (3, batch), "{parts:?}");
        let reason = reason.unwrap();
        assert!(reason.contains("needs") && reason.contains(&parameters.to_string()), "{reason}");

        let of =
            |batch| InferenceOptions { batch, input: INPUT, count_topk: None, precision: Precision::Single };
        let whole = InferenceNetwork::new(&gpu, &architecture, &weights, &of(batch)).await.err().unwrap();
        assert!(matches!(whole, ModelError::Gpu(_)), "{whole}");
        let fitting = InferenceNetwork::fitting(&gpu, &architecture, &weights, &of(batch)).await.unwrap();
        assert!((1..=batch / 2).contains(&fitting.batch()), "{} of {batch}", fitting.batch());
        let other = Architecture { classes: 8, ..architecture.clone() };
        let folded = FoldedWeights::new(&other, &initialise(&other, 3), Precision::Single).unwrap();
        let error = fitting.set_folded(&folded).unwrap_err().to_string();
        assert!(error.contains("8 classes") && error.contains("do not fit"), "{error}");
        // What fits is left as it is.
        let small = InferenceNetwork::fitting(&gpu, &architecture, &weights, &of(2)).await.unwrap();
        assert_eq!(small.batch(), 2);
    });
}
