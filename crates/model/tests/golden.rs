//! Whole networks against PaddlePaddle and PyTorch: `tests/golden/README.md` says what is compared.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod formula;

use formula::{hash, uniform, z};
use photonet_gpu::{DeviceClass, Gpu, GpuOptions};
use photonet_model::{
    Architecture, Family, InferenceNetwork, InferenceOptions, Input, Learning, Naming, ParameterKind,
    ParameterLayout, Precision, TrainBuffers, TrainNetwork, TrainOptions, Tuning, Variant, Weights,
    external_name,
};
use photonet_nn::{Answer, Step};
use safetensors::SafeTensors;
use std::path::PathBuf;

/// What agreement the product promises.
const TOLERANCE: f64 = 1e-5;
/// Weights move little in three steps, so agreement there means more digits.
const WEIGHT_TOLERANCE: f64 = 1e-6;
const BATCH: usize = 7;
const CLASSES: usize = 7;
const MAX_SAMPLES: usize = 1024;

/// One network and its golden file.
struct Golden {
    architecture: Architecture,
    naming: Naming,
    prefix: &'static str,
    size: usize,
    bytes: Vec<u8>,
}

impl Golden {
    fn load(architecture: Architecture, prefix: &'static str, size: usize, file: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file);
        Self {
            naming: Naming::of(architecture.family),
            architecture,
            prefix,
            size,
            bytes: std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
        }
    }

    fn external(&self, name: &str) -> String {
        external_name(&self.architecture, self.naming, name).unwrap_or_else(|| panic!("no name for {name}"))
    }

    /// Paddle keeps linear weights `[in][out]`, our files `[out][in]`.
    fn transposed(&self, kind: ParameterKind) -> bool {
        kind == ParameterKind::Linear && self.naming == Naming::Paddle
    }

    fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        for spec in ParameterLayout::new(&self.architecture).all() {
            let h = hash(&format!("{}/{}", self.prefix, self.external(&spec.name)));
            let fan_in: usize = spec.shape[1..].iter().product();
            let (offset, scale) = match spec.shape.len() {
                // torchvision's head is a linear layer, with two axes.
                4 if self.naming == Naming::Torchvision && spec.name == "head.weight" => {
                    (0.0, (3.0 / fan_in as f64).sqrt())
                }
                4 => (0.0, (6.0 / fan_in as f64).sqrt()),
                2 => (0.0, (3.0 / fan_in as f64).sqrt()),
                _ if spec.name.ends_with("running_mean") => (0.0, 0.1),
                _ if spec.name.ends_with("running_var") => (1.0, 0.2),
                _ if spec.name.ends_with("bias") => (0.5, 0.1),
                _ => (0.8, 0.2),
            };
            let values: Vec<f32> =
                (0..spec.file_elements()).map(|i| (offset + scale * uniform(h, i)) as f32).collect();
            let data = if self.transposed(spec.kind) {
                transpose(&values, spec.shape[1], spec.shape[0])
            } else {
                values
            };
            weights.insert(&spec.name, spec.shape.clone(), data);
        }
        weights
    }

    fn pixels(&self) -> Vec<u8> {
        let h = hash(&format!("{}/input", self.prefix));
        (0..BATCH * self.size * self.size * 3).map(|i| (z(h, i) >> 56) as u8).collect()
    }

    fn labels(&self) -> Vec<u32> {
        let h = hash(&format!("{}/labels", self.prefix));
        (0..BATCH).map(|i| (z(h, i) % CLASSES as u64) as u32).collect()
    }

    fn values(&self, key: &str) -> Vec<f64> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(key).unwrap_or_else(|e| panic!("{key}: {e}"));
        match view.dtype() {
            safetensors::Dtype::F32 => view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()).into())
                .collect(),
            safetensors::Dtype::F64 => {
                view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
            }
            other => panic!("{key} is {other:?}"),
        }
    }

    /// The normalised error of a tensor against its record: the worst of samples, norm and projections.
    fn record_error(&self, what: &str, name: &str, data: &[f32]) -> f64 {
        let n = data.len();
        let count = n.min(MAX_SAMPLES);
        let samples: Vec<f64> = (0..count).map(|j| data[j * n / count].into()).collect();
        let mut worst = error(&samples, &self.values(&format!("{what}/{name}")));
        let norm = self.values(&format!("norm/{what}/{name}"))[0];
        let own_norm = data.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        worst = worst.max((own_norm - norm).abs() / norm);
        let signs = hash("projection");
        let expected = self.values(&format!("proj/{what}/{name}"));
        let mut squares = 0.0;
        for (k, expected) in expected.iter().enumerate() {
            let own: f64 = data
                .iter()
                .enumerate()
                .map(|(i, v)| if z(signs, i) >> k & 1 == 1 { -f64::from(*v) } else { f64::from(*v) })
                .sum();
            squares += (own - expected).powi(2);
        }
        worst.max((squares / expected.len() as f64).sqrt() / norm)
    }

    /// The worst normalised error over all trainable tensors, and whose it is.
    fn worst(&self, what: &str, tensors: &Weights) -> (f64, String) {
        let mut worst = (0.0, String::new());
        for spec in &ParameterLayout::new(&self.architecture).parameters {
            let tensor = &tensors.tensors[&spec.name];
            let name = self.external(&spec.name);
            let data = if self.transposed(spec.kind) {
                transpose(&tensor.data, spec.shape[0], spec.shape[1])
            } else {
                tensor.data.clone()
            };
            let error = if what == "grad" && is_null(&spec.name) {
                // Zero but for rounding: measured against the gradient of the same normalisation's scale.
                let scale = self.external(&spec.name.replace("bn.bias", "bn.weight"));
                let norm = self.values(&format!("norm/grad/{scale}"))[0];
                data.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() / norm
            } else {
                self.record_error(what, &name, &data)
            };
            if error > worst.0 {
                worst = (error, spec.name.clone());
            }
        }
        worst
    }
}

/// The shift of a block's last normalisation: the next normalisation takes any constant out again.
fn is_null(name: &str) -> bool {
    name.ends_with("project.bn.bias")
}

fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}

fn error(own: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(own.len(), expected.len());
    let difference: f64 = own.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum();
    (difference / expected.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

fn flatten(rows: &[Vec<f32>]) -> Vec<f64> {
    rows.iter().flatten().map(|v| f64::from(*v)).collect()
}

/// With the kernels and the plan for GPUs, and with those for a software device, whose subgroups exchange values or not.
fn compare(golden: &Golden) {
    for (class, subgroups) in
        [(DeviceClass::Discrete, false), (DeviceClass::Software, false), (DeviceClass::Software, true)]
    {
        println!("{class:?}{}", if subgroups { ", in subgroups" } else { "" });
        compare_for(golden, class, subgroups);
    }
}

fn compare_for(golden: &Golden, class: DeviceClass, subgroups: bool) {
    pollster::block_on(async {
        // As GPUs run theirs, where there is Vulkan.
        let recorded = Some(class == DeviceClass::Discrete);
        let (class, asked) = (Some(class), Some(subgroups));
        let options = GpuOptions { class, subgroups: asked, recorded, ..GpuOptions::portable() };
        let gpu = Gpu::open(&options).await.unwrap();
        if gpu.subgroups() != subgroups {
            println!("skipped: {} has no subgroups of the size that kernels take", gpu.adapter().name);
            return;
        }
        let input = Input {
            size: golden.size,
            scale: 1.0 / 255.0,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        };
        let (weights, pixels, labels) = (golden.weights(), golden.pixels(), golden.labels());
        let options =
            InferenceOptions { batch: BATCH, input, count_topk: None, precision: Precision::Single };
        let network = InferenceNetwork::new(&gpu, &golden.architecture, &weights, &options).await.unwrap();
        network.run(&pixels, &[]).unwrap();
        let eval = error(&flatten(&network.logits().await.unwrap()), &golden.values("eval_logits"));
        println!("{}: evaluation logits {eval:.1e}", golden.prefix);
        assert!(eval < TOLERANCE);

        let mut architecture = golden.architecture.clone();
        architecture.switches.dropout = 0.0;
        let buffers =
            TrainBuffers::new(&gpu, &architecture, &weights, &Learning::momentum(4e-5), &Tuning::default())
                .await
                .unwrap();
        let options = TrainOptions {
            batch: BATCH,
            input,
            smoothing: 0.1,
            class_weights: None,
            topk: [1, 5, 0, 0],
            dropout_seed: 0,
            tuning: Tuning::default(),
            precision: Precision::Single,
        };
        let network = TrainNetwork::new(&buffers, &architecture, &options).await.unwrap();
        let samples: Vec<u32> = (0..BATCH as u32).collect();
        let answers: Vec<Answer> = labels.iter().copied().map(Answer::of).collect();
        let expected = golden.values("losses");
        for (number, learning_rate) in [0.01, 0.02, 0.015].into_iter().enumerate() {
            let step = Step::new(learning_rate, 0.9, 0, number as u32);
            network.step(&pixels, &answers, &samples, step).unwrap();
            let losses = network.losses().await.unwrap();
            let loss = losses.iter().map(|l| f64::from(*l)).sum::<f64>() / BATCH as f64;
            let off = (loss / expected[number] - 1.0).abs();
            println!("{}: loss {number} {loss:.6}, off by {off:.1e}", golden.prefix);
            assert!(off < TOLERANCE);
            if number == 0 {
                let logits =
                    error(&flatten(&network.logits().await.unwrap()), &golden.values("train_logits"));
                println!("{}: training logits {logits:.1e}", golden.prefix);
                assert!(logits < TOLERANCE);
                let (worst, name) = golden.worst("grad", &buffers.gradients().await.unwrap());
                println!("{}: worst gradient {worst:.1e} ({name})", golden.prefix);
                assert!(worst < TOLERANCE, "gradient of {name} is off by {worst:.1e}");
            }
        }
        let weights = buffers.weights().await.unwrap();
        let (worst, name) = golden.worst("weight3", &weights);
        println!("{}: worst weight after three steps {worst:.1e} ({name})", golden.prefix);
        assert!(worst < WEIGHT_TOLERANCE, "{name} is off by {worst:.1e} after three steps");
        for spec in &ParameterLayout::new(&golden.architecture).statistics {
            let own: Vec<f64> = weights.tensors[&spec.name].data.iter().map(|v| f64::from(*v)).collect();
            let off = error(&own, &golden.values(&format!("running3/{}", golden.external(&spec.name))));
            assert!(off < WEIGHT_TOLERANCE, "{} is off by {off:.1e}", spec.name);
        }
    });
}

#[test]
fn the_formula_gives_the_documented_numbers() {
    assert_eq!(hash("paddle-23/input"), 0xb596_6934_2c36_14cc);
    assert_eq!(z(hash("paddle-23/input"), 0), 0x7c12_6009_210b_95e4);
    assert_eq!(z(hash("projection"), 0), 0x0a39_a9d8_15ca_3f5a);
}

#[test]
fn paddleclas_small_x0_35() {
    let small = Architecture::new(Family::Paddle, Variant::Small, 0.35, CLASSES).unwrap();
    compare(&Golden::load(small, "paddle-23", 53, "paddle_small.safetensors"));
}

#[test]
fn torchvision_small() {
    let small = Architecture::new(Family::Torchvision, Variant::Small, 1.0, CLASSES).unwrap();
    compare(&Golden::load(small, "torchvision-8", 61, "torchvision_small.safetensors"));
}

#[test]
fn torchvision_large_x0_35() {
    let large = Architecture::new(Family::Torchvision, Variant::Large, 0.35, CLASSES).unwrap();
    compare(&Golden::load(large, "large-219", 61, "torchvision_large.safetensors"));
}
