//! Networks in half precision, inference and training, against single precision.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod formula;

use photonet_gpu::{Choices, DeviceChoice, DeviceClass, Gpu, GpuOptions, HalfType};
use photonet_model::import::{ImportOptions, import};
use photonet_model::{
    Architecture, Family, InferenceNetwork, InferenceOptions, Input, Learning, ModelError, TrainBuffers,
    TrainNetwork, TrainOptions, Tuning, Variant, Weights, initialise,
};
use photonet_model::{Naming, Precision};
use photonet_nn::{Answer, Step};
use std::sync::Arc;

/// A value is rounded to 11 bits once for each of the up to 60 layers that it goes through, and the errors are as often
/// up as down: sqrt(60) / 2^11 and not more.
const TOLERANCE: f64 = 4e-3;

/// Gradients are rounded to 8 bits in each of up to 64 layers: sqrt(64) / 2^8.
const GRADIENT_TOLERANCE: f64 = 3.2e-2;

const INPUT: Input =
    Input { size: 65, scale: 1.0 / 255.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/// Images in a batch of training, each of a class of its own.
const BATCH: usize = 6;

/// The same where squeeze-excite's gates are to be products in subgroups, as they are from 8 images on.
const FULL_BATCH: usize = 9;

fn options(half: HalfType) -> GpuOptions {
    let portable = half == HalfType::Packed;
    GpuOptions {
        portable,
        half: Some(half),
        matrix_units: Some(false),
        ..GpuOptions::new(DeviceChoice::Auto)
    }
}

fn open(half: HalfType) -> Arc<Gpu> {
    pollster::block_on(Gpu::open(&options(half))).unwrap()
}

async fn network(
    gpu: &Arc<Gpu>,
    architecture: &Architecture,
    weights: &Weights,
    batch: usize,
    precision: Precision,
) -> Result<InferenceNetwork, ModelError> {
    let options = InferenceOptions { batch, input: INPUT, count_topk: None, precision };
    InferenceNetwork::new(gpu, architecture, weights, &options).await
}

/// sqrt(sum of (a - b)^2 / sum of b^2).
fn off(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let (difference, norm) = pairs.fold((0.0, 0.0), |(difference, norm), (&a, &b)| {
        (difference + f64::from(a - b).powi(2), norm + f64::from(b).powi(2))
    });
    (difference / norm).sqrt()
}

/// Weights that keep the size of the activations, as trained ones do; fresh ones shrink them from layer to layer, below
/// what half precision has digits for, until a training step normalises them.
fn scaled(architecture: &Architecture) -> Weights {
    let file = formula::file("precision", architecture, Naming::of(architecture.family));
    import(&file, &ImportOptions::default()).unwrap().model.weights
}

#[test]
fn half_precision_is_single_precision_to_three_digits() {
    pollster::block_on(async {
        for half in [HalfType::Packed, HalfType::Native] {
            let gpu = open(half);
            if gpu.half() != half {
                println!("skipped: {} has no shader-f16", gpu.adapter().name);
                continue;
            }
            for (family, variant, width, batch) in [
                (Family::Paddle, Variant::Small, 0.5, 1),
                (Family::Torchvision, Variant::Small, 1.0, 3),
                (Family::Paddle, Variant::Large, 0.35, 2),
            ] {
                let architecture = Architecture::new(family, variant, width, 10).unwrap();
                let weights = scaled(&architecture);
                let pixels: Vec<u8> = (0..batch * 65 * 65 * 3).map(|i| (i * i % 251) as u8).collect();
                let (mut logits, mut heads, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
                for precision in [Precision::Single, Precision::Half] {
                    let network = network(&gpu, &architecture, &weights, batch, precision).await.unwrap();
                    network.run(&pixels, &[]).unwrap();
                    logits.push(network.logits().await.unwrap());
                    let features = network.features().await.unwrap();
                    heads.push(features.into_iter().map(|of_image| of_image.head).collect::<Vec<_>>());
                    bytes.push(network.report().traffic_bytes as f64);
                }
                let (logits, heads) = (off(&logits[1], &logits[0]), off(&heads[1], &heads[0]));
                let share = bytes[1] / bytes[0];
                println!(
                    "{half:?} {family:?} {variant:?} x{width}: {logits:.1e}, {heads:.1e}, {share:.2} of the bytes"
                );
                // Equal numbers would mean that nothing was rounded.
                for error in [logits, heads] {
                    assert!(error > 1e-5 && error < TOLERANCE, "{half:?} {variant:?} x{width}: {error:.1e}");
                }
                assert!(share < 0.6, "{share:.2} of the bytes");
            }
        }
    });
}

#[test]
fn weights_too_large_for_half_precision_are_refused_by_name() {
    let gpu = open(HalfType::Packed);
    let architecture = Architecture::new(Family::Paddle, Variant::Small, 0.35, 4).unwrap();
    let mut weights = initialise(&architecture, 3);
    weights.tensors.get_mut("classifier.weight").unwrap().data[0] = 1e5;
    let single = pollster::block_on(network(&gpu, &architecture, &weights, 1, Precision::Single));
    assert!(single.is_ok());
    let half = pollster::block_on(network(&gpu, &architecture, &weights, 1, Precision::Half));
    let message = half.err().unwrap().to_string();
    assert!(message.starts_with("`classifier.weight` holds 80000"), "{message}");
    assert!(message.ends_with("run this model with the precision f32"), "{message}");
}

fn train_options(batch: usize, tuning: Tuning, precision: Precision) -> TrainOptions {
    TrainOptions {
        batch,
        input: INPUT,
        smoothing: 0.1,
        class_weights: None,
        topk: [1, 0, 0, 0],
        dropout_seed: 0,
        tuning,
        precision,
    }
}

/// Losses of some steps, of as many images as there are classes, and the gradients of the first.
async fn trained(
    gpu: &Arc<Gpu>,
    architecture: &Architecture,
    tuning: Tuning,
    precision: Precision,
) -> (Vec<f32>, Vec<Vec<f32>>, u64) {
    let weights = scaled(architecture);
    let buffers =
        TrainBuffers::new(gpu, architecture, &weights, &Learning::momentum(4e-5), &tuning).await.unwrap();
    let batch = architecture.classes;
    let options = train_options(batch, tuning, precision);
    let network = TrainNetwork::new(&buffers, architecture, &options).await.unwrap();
    let pixels: Vec<u8> = (0..batch * INPUT.image_bytes()).map(|i| (i * i % 251) as u8).collect();
    let samples: Vec<u32> = (0..batch as u32).collect();
    let answers: Vec<Answer> = samples.iter().copied().map(Answer::of).collect();
    let (mut losses, mut gradients) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let step = Step::new(0.02, 0.9, 0, number);
        network.step(&pixels, &answers, &samples, step).unwrap();
        losses.extend(network.losses().await.unwrap());
        if number == 0 {
            gradients.extend(buffers.gradients().await.unwrap().tensors.into_values().map(|t| t.data));
        }
    }
    (losses, gradients, network.report().transient_bytes)
}

#[test]
fn training_with_activations_in_half_precision_follows_single_precision() {
    pollster::block_on(async {
        let small = (Variant::Small, 0.5, Tuning::default());
        let constant = Tuning { constant_statistics: true, ..Tuning::default() };
        let constant = (Variant::Small, 0.5, constant);
        for (class, subgroups, half, (variant, width, tuning)) in [
            (DeviceClass::Discrete, false, HalfType::Packed, small),
            (DeviceClass::Software, false, HalfType::Packed, small),
            (DeviceClass::Software, true, HalfType::Packed, small),
            (DeviceClass::Discrete, false, HalfType::Native, small),
            (DeviceClass::Discrete, false, HalfType::Packed, (Variant::Large, 0.35, Tuning::default())),
            (DeviceClass::Discrete, false, HalfType::Packed, constant),
            (DeviceClass::Software, false, HalfType::Packed, constant),
            (DeviceClass::Software, true, HalfType::Packed, constant),
        ] {
            let portable = half == HalfType::Packed && !subgroups;
            let options =
                GpuOptions { class: Some(class), subgroups: Some(subgroups), portable, ..options(half) };
            let gpu = Gpu::open(&options).await.unwrap();
            if gpu.subgroups() != subgroups {
                println!("skipped: {} has no subgroups of the size that kernels take", gpu.adapter().name);
                continue;
            }
            if gpu.half() != half {
                println!("skipped: {} has no shader-f16", gpu.adapter().name);
                continue;
            }
            let batch = if subgroups { FULL_BATCH } else { BATCH };
            let mut architecture = Architecture::new(Family::Paddle, variant, width, batch).unwrap();
            architecture.switches.dropout = 0.0;
            let (single_losses, single, single_bytes) =
                trained(&gpu, &architecture, tuning, Precision::Single).await;
            let (half_losses, halved, half_bytes) =
                trained(&gpu, &architecture, tuning, Precision::Half).await;
            let losses = off(&[half_losses], &[single_losses]);
            let gradients = off(&halved, &single);
            let share = half_bytes as f64 / single_bytes as f64;
            println!(
                "{class:?} subgroups {subgroups} {half:?} {variant:?}: losses {losses:.1e}, gradients {gradients:.1e}, {share:.2} of the memory"
            );
            // Equal numbers would mean that nothing was rounded.
            assert!(losses > 1e-7 && losses < 1e-3, "{losses:.1e}");
            assert!(gradients > 1e-5 && gradients < GRADIENT_TOLERANCE, "{gradients:.1e}");
            assert!(share < 0.65, "{share:.2} of the memory");
        }
    });
}

/// All products of a step on matrix units that can be there, which the rule takes for larger batches alone.
#[test]
fn training_on_matrix_units_follows_single_precision() {
    pollster::block_on(async {
        let class = Some(DeviceClass::Discrete);
        let options = GpuOptions { class, matrix_units: Some(true), ..options(HalfType::Native) };
        let gpu = Gpu::open(&options).await.unwrap();
        if gpu.matrix_units().is_none() {
            println!("skipped: {} has no matrix units that kernels can take", gpu.adapter().name);
            return;
        }
        let without_units = GpuOptions { matrix_units: Some(false), ..options };
        let without_units = Gpu::open(&without_units).await.unwrap();
        let constant = Tuning { constant_statistics: true, ..Tuning::default() };
        for (variant, width, tuning) in [
            (Variant::Small, 0.5, Tuning::default()),
            (Variant::Small, 0.5, constant),
            (Variant::Large, 0.35, Tuning::default()),
        ] {
            let mut architecture = Architecture::new(Family::Paddle, variant, width, BATCH).unwrap();
            architecture.switches.dropout = 0.0;
            let (single_losses, single, _) = trained(&gpu, &architecture, tuning, Precision::Single).await;
            let (plain_losses, plain, _) =
                trained(&without_units, &architecture, tuning, Precision::Half).await;
            for at_once in [false, true] {
                let [in_tiles, whole, others] = put_on_units(&gpu, &architecture, tuning, at_once).await;
                let (losses, gradients, _) = trained(&gpu, &architecture, tuning, Precision::Half).await;
                gpu.set_choices(Choices::default());
                let [losses, without_losses] = [&losses, &plain_losses]
                    .map(|of| off(std::slice::from_ref(of), std::slice::from_ref(&single_losses)));
                let [own, without] = [&gradients, &plain].map(|of| off(of, &single));
                println!(
                    "{variant:?}: losses {losses:.1e}, without {without_losses:.1e}, gradients {own:.1e}, without {without:.1e}, {in_tiles} products in tiles, {whole} with all channels, {others} of depthwise convolutions and the stem"
                );
                // Half precision alone is off by as much as 2e-3 where no normalisation takes the batch's statistics.
                assert!(
                    losses < 2.0 * without_losses.max(5e-4),
                    "{losses:.1e}, without {without_losses:.1e}"
                );
                // Operands rounded to 11 bits are little beside gradients stored with 8.
                assert!(own < 1.25 * without, "{own:.1e}, without {without:.1e}");
                assert!(in_tiles > if at_once { 30 } else { 50 }, "{in_tiles} launches on matrix units");
                assert_eq!(whole > 5, at_once, "{whole} with all channels");
                assert!(others > 10, "{others} of depthwise convolutions and the stem");
            }
        }
    });
}

/// Chooses the last variant of each convolution, which runs on matrix units where one does, and whether workgroups have all channels where
/// they can; returns how many launches of a step run on units: products in tiles, those with all channels, and of other convolutions.
async fn put_on_units(
    gpu: &Arc<Gpu>,
    architecture: &Architecture,
    tuning: Tuning,
    at_once: bool,
) -> [usize; 3] {
    let buffers =
        TrainBuffers::new(gpu, architecture, &scaled(architecture), &Learning::momentum(4e-5), &tuning)
            .await
            .unwrap();
    let options = train_options(architecture.classes, tuning, Precision::Half);
    let mut choices = Choices::default();
    // What is asked depends on what is made at once.
    for of_ways in [true, false] {
        for asked in TrainNetwork::new(&buffers, architecture, &options).await.unwrap().questions() {
            // Of depthwise convolutions the last variant as well, which the rule takes for larger images alone.
            let product = asked.question.starts_with("pointwise/");
            if (product || !of_ways) && asked.at_once == of_ways {
                choices.set(asked.question, if of_ways { usize::from(at_once) } else { asked.options - 1 });
            }
        }
        gpu.set_choices(choices.clone());
    }
    let network = TrainNetwork::new(&buffers, architecture, &options).await.unwrap();
    let launches = network.profile().await.unwrap();
    let of = |parts: &[&str]| {
        launches.iter().filter(|launch| parts.iter().any(|part| launch.kernel.contains(part))).count()
    };
    [of(&["@matrix"]), of(&["pointwise/gradients", "pointwise/forward_whole"]), of(&["_matrix@"])]
}
