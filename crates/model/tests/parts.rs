//! Batches that a device cannot take as a whole.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use photonet_gpu::{Gpu, GpuOptions};
use photonet_model::{
    Architecture, Family, FoldedWeights, InferenceNetwork, InferenceOptions, Input, Learning, ModelError,
    ParameterLayout, Precision, Slots, TrainBuffers, TrainNetwork, TrainOptions, Tuning, Variant, Weights,
    initialise,
};
use photonet_nn::{Answer, Metrics, Optimiser, Turn};
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

/// Momentum, also of clipped gradients; Nesterov's, which wants the sum of all gradients; Adam, with an epsilon that gradients which are zero but for rounding
/// do not reach.
fn ways_to_learn() -> [Learning; 4] {
    let momentum = Learning::momentum(1e-2);
    [
        momentum.clone(),
        Learning { clip_norm: Some(0.05), ..momentum.clone() },
        Learning { optimiser: Optimiser::Momentum { momentum: 0.9, nesterov: true }, ..momentum.clone() },
        Learning {
            optimiser: Optimiser::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-2, decoupled: false },
            ..momentum
        },
    ]
}

const CLASSES: u32 = 7;

/// The decay of the average that every run makes.
const AVERAGE: f64 = 0.75;

/// Updates on ten images each, as `batches` batches in `count` parts each: weights, the optimiser's state and metrics behind
/// them.
async fn trained(
    gpu: &Arc<Gpu>,
    learning: &Learning,
    tuning: Tuning,
    updates: u32,
    batches: usize,
    count: usize,
) -> (Weights, Slots, Metrics) {
    let batch = 10 / batches;
    let architecture = architecture();
    let weights = initialise(&architecture, 3);
    let learning = Learning { accumulates: batches > 1, average: Some(AVERAGE), ..learning.clone() };
    let buffers = TrainBuffers::new(gpu, &architecture, &weights, &learning, &tuning).await.unwrap();
    let options = options(batch, tuning);
    let network = TrainNetwork::in_parts(&buffers, &architecture, &options, count).await.unwrap();
    assert_eq!(network.parts().0.len(), count);
    let pixels = pixels(10);
    // Two labels for each image, and classes that count differently, so that parts differ in what they weigh.
    let weights: Vec<f32> = (1..8).map(|i| 0.25 * i as f32).collect();
    let answer =
        |i: u32| Answer { second: (i + 2) % CLASSES, share: 0.0625 * i as f32, ..Answer::of(i % CLASSES) };
    let mut answers: Vec<Answer> = (0..10).map(answer).collect();
    Answer::scale(&mut answers, &weights);
    let samples: Vec<u32> = (10..20).collect();
    for number in 0..updates {
        for turn in 0..batches {
            let images = turn * batch..(turn + 1) * batch;
            let step = learning.optimiser.step(0.1, 0, number, u64::from(number));
            let turn = Turn::ALONE.part(turn, batches, 1.0 / batches as f32);
            let bytes = images.start * INPUT.image_bytes()..images.end * INPUT.image_bytes();
            let (answers, samples) = (&answers[images.clone()], &samples[images]);
            network.step_staged(&pixels[bytes], None, answers, samples, step, turn).unwrap();
        }
    }
    let metrics = buffers.take_metrics().await.unwrap();
    let mut slots = buffers.slots().await.unwrap();
    assert_eq!(slots.len(), TrainBuffers::slot_names(&learning).len());
    // What is added up is of no use once the update is made.
    slots.remove("gradient_sum");
    slots.insert("average".into(), buffers.averages().await.unwrap().unwrap());
    (buffers.weights().await.unwrap(), slots, metrics)
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
fn parts_and_batches_add_up_to_one_update() {
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::portable()).await.unwrap();
        // With constant statistics an image's gradient does not depend on the others.
        let constant = Tuning { constant_statistics: true, ..Tuning::default() };
        let mut wholes: Vec<Weights> = Vec::new();
        for learning in ways_to_learn() {
            let (weights, slots, metrics) = trained(&gpu, &learning, constant, 2, 1, 1).await;
            // Each way is another one.
            assert!(wholes.iter().all(|other| off(other, &weights) > 1e-3), "{learning:?}");
            wholes.push(weights.clone());
            for (batches, count) in [(1, 2), (1, 3), (2, 1), (2, 2)] {
                let (parts, state, of_parts) = trained(&gpu, &learning, constant, 2, batches, count).await;
                let weights = off(&parts, &weights);
                let name = learning.optimiser.name();
                println!("{name}, {batches} batches in {count} parts: weights {weights:.1e}");
                assert!(weights < 1e-5, "{name}: {weights:.1e}");
                for (slot, whole) in &slots {
                    let off = off(&state[slot], whole);
                    println!("  {slot} {off:.1e}");
                    assert!(off < 1e-4, "{name}, {slot}: {off:.1e}");
                }
                assert_eq!((of_parts.images, of_parts.top, of_parts.bad), (20, metrics.top, 0));
                assert!((of_parts.loss - metrics.loss).abs() < 1e-4 * metrics.loss);
            }
        }
    });
}

#[test]
fn averages_follow_parameters_and_statistics_of_every_update() {
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::portable()).await.unwrap();
        let learning = &ways_to_learn()[0];
        let start = initialise(&architecture(), 3);
        for (batches, count) in [(1, 1), (1, 2), (2, 1)] {
            let run =
                async |updates| trained(&gpu, learning, Tuning::default(), updates, batches, count).await;
            let (once, twice) = (run(1).await, run(2).await);
            let mut expected = start.clone();
            for (name, tensor) in &mut expected.tensors {
                let (first, second) = (&once.0.tensors[name].data, &twice.0.tensors[name].data);
                for ((value, first), second) in tensor.data.iter_mut().zip(first).zip(second) {
                    let mixed = AVERAGE as f32 * *value + (1.0 - AVERAGE as f32) * first;
                    *value = AVERAGE as f32 * mixed + (1.0 - AVERAGE as f32) * second;
                }
            }
            let average = &twice.1["average"];
            assert!(off(average, &expected) < 1e-6, "{:.1e}", off(average, &expected));
            assert!(off(average, &twice.0) > 1e-2);
            let moved = |name: &str| average.tensors[name].data != start.tensors[name].data;
            assert!(moved("stem.bn.running_mean") && moved("classifier.weight"));
        }
    });
}

#[test]
fn parts_have_statistics_of_their_own() {
    pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::portable()).await.unwrap();
        let learning = &ways_to_learn()[0];
        // It is another step, but the running ones move as far: the stem's, which in the first step see the same weights, are those
        // of the whole batch but for how the parts follow one another.
        let (whole, ..) = trained(&gpu, learning, Tuning::default(), 1, 1, 1).await;
        let (parts, ..) = trained(&gpu, learning, Tuning::default(), 1, 1, 2).await;
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
        let buffers = TrainBuffers::new(&gpu, &architecture, &weights, &Learning::momentum(0.0), &tuning)
            .await
            .unwrap();
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
