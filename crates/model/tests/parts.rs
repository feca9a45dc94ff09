//! Batches that a device cannot take as a whole.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use photonet_gpu::{Gpu, GpuOptions};
use photonet_model::{
    Architecture, Family, InferenceNetwork, InferenceOptions, Input, ModelError, ParameterLayout, Precision,
    TrainBuffers, TrainNetwork, TrainOptions, Tuning, Variant, Weights, initialise,
};
use photonet_nn::{Metrics, Step};
use std::sync::Arc;

const INPUT: Input =
    Input { size: 64, scale: 1.0 / 255.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

fn architecture() -> Architecture {
    Architecture::new(Family::Paddle, Variant::Small, 0.35, 7).unwrap()
}

fn options(batch: usize, tuning: Tuning) -> TrainOptions {
    let precision = Precision::Single;
    TrainOptions { batch, input: INPUT, smoothing: 0.1, topk: 1, dropout_seed: 5, tuning, precision }
}

fn pixels(batch: usize) -> Vec<u8> {
    (0..batch * INPUT.image_bytes()).map(|i| (i * i % 251) as u8).collect()
}

/// Two steps in `count` parts: weights, velocity and metrics behind them.
async fn trained(gpu: &Arc<Gpu>, batch: usize, tuning: Tuning, count: usize) -> (Weights, Weights, Metrics) {
    let architecture = architecture();
    let weights = initialise(&architecture, 3);
    let buffers = TrainBuffers::new(gpu, &architecture, &weights, 1e-2, &tuning).await.unwrap();
    let options = options(batch, tuning);
    let network = TrainNetwork::in_parts(&buffers, &architecture, &options, count).await.unwrap();
    assert_eq!(network.parts().0.len(), count);
    let labels: Vec<u32> = (0..batch as u32).map(|i| i % 7).collect();
    let samples: Vec<u32> = (10..10 + batch as u32).collect();
    for number in 0..2 {
        let step = Step::new(0.1, 0.9, 0, number);
        network.step(&pixels(batch), &labels, &samples, step).unwrap();
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
        let (weights, velocity, metrics) = trained(&gpu, 5, constant, 1).await;
        for count in [2, 3] {
            let (parts, speed, of_parts) = trained(&gpu, 5, constant, count).await;
            let (weights, velocity) = (off(&parts, &weights), off(&speed, &velocity));
            println!("{count} parts: weights {weights:.1e}, velocity {velocity:.1e}");
            assert!(weights < 1e-5 && velocity < 1e-4, "{weights:.1e} {velocity:.1e}");
            assert_eq!((of_parts.images, of_parts.top1, of_parts.bad), (10, metrics.top1, 0));
            assert!((of_parts.loss - metrics.loss).abs() < 1e-4 * metrics.loss);
        }
        // With statistics of each part it is another step, but a step.
        let (whole, ..) = trained(&gpu, 5, Tuning::default(), 1).await;
        let (parts, ..) = trained(&gpu, 5, Tuning::default(), 2).await;
        assert!(off(&parts, &whole) > 1e-3);
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
        // What fits is left as it is.
        let small = InferenceNetwork::fitting(&gpu, &architecture, &weights, &of(2)).await.unwrap();
        assert_eq!(small.batch(), 2);
    });
}
