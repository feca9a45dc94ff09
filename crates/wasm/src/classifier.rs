//! A model on a backend.

use crate::backend::{Backend, GpuBackend, Outcome, Wanted};
use crate::error::EngineError;
use crate::header::{self, Outline};
use crate::photo;
use photonet_model::{FoldedWeights, Input, Model, Precision, Weights, summarise};
use photonet_vision::Rgb;
use serde::Serialize;
use std::path::Path;

/// Everything that classifying needs.
pub struct Classifier {
    backend: Backend,
    loaded: Option<ModelFile>,
}

/// A model file that was read.
pub struct ModelFile {
    outline: Outline,
    model: Model,
    /// The weights as a device takes them, where that was asked for.
    folded: Option<FoldedWeights>,
}

impl ModelFile {
    /// Reads one; `name` is for messages.
    pub fn read(bytes: &[u8], name: &str) -> Result<Self, EngineError> {
        let model = Model::from_bytes(bytes, Path::new(name))?;
        model.recipe.validate().map_err(|e| EngineError::Model(format!("{name}: {e}")))?;
        let outline = Outline { architecture: model.architecture.clone(), input: Input::of(&model.recipe)? };
        Ok(Self { outline, model, folded: None })
    }

    /// Makes the weights ready for a device, in half precision or not, while it is busy with something else.
    pub fn fold(&mut self, half: bool) -> Result<(), EngineError> {
        let Model { architecture, weights, .. } = &self.model;
        self.folded = Some(FoldedWeights::new(architecture, weights, precision(half))?);
        Ok(())
    }
}

/// What a page may want to show of a model.
#[derive(Debug, Serialize)]
pub struct Info {
    architecture: String,
    family: String,
    classes: usize,
    size: usize,
    parameters: usize,
    macs: u64,
    embedding: usize,
    epochs: u32,
    top1: Option<f64>,
    train_images: usize,
    val_images: usize,
    version: String,
    test_vectors: usize,
}

/// How far a model is from its test vectors on this backend.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Test vectors that were run.
    pub vectors: usize,
    /// The largest difference of a logit, relative to the largest logit.
    pub difference: f64,
    /// Whether that is within rounding.
    pub ok: bool,
}

/// Largest relative difference of logits that rounding explains, in single and in half precision. Some networks make
/// much of little: one of ImageNet is off by 0.07 in half precision, in PyTorch as here.
const TOLERANCE: f64 = 1e-3;
const HALF_TOLERANCE: f64 = 0.15;

impl Classifier {
    /// Opens a backend, `webgpu` or `cpu`; `half` asks for half precision, which the processor does not have.
    pub async fn open(backend: &str, half: bool) -> Result<Self, EngineError> {
        let precision = precision(half);
        let backend = match backend {
            "webgpu" => Backend::WebGpu(Box::new(GpuBackend::open(precision).await?)),
            "cpu" => Backend::Cpu(Box::default()),
            other => {
                return Err(EngineError::Device {
                    message: format!("there is no backend `{other}`: use `webgpu` or `cpu`"),
                    lost: false,
                });
            }
        };
        Ok(Self { backend, loaded: None })
    }

    /// The backend in use.
    pub fn backend(&self) -> &'static str {
        self.backend.name()
    }

    fn tolerance(&self) -> f64 {
        match self.backend.precision() {
            Precision::Single => TOLERANCE,
            Precision::Half => HALF_TOLERANCE,
        }
    }

    /// How often a lost device was replaced by a new one.
    pub fn recoveries(&self) -> u32 {
        self.backend.recoveries()
    }

    /// The largest number of images of one run.
    pub fn batch(&self) -> usize {
        self.backend.batch()
    }

    /// Compiles ahead, from the first bytes of a model file.
    pub async fn prepare(&mut self, start: &[u8]) -> Result<(), EngineError> {
        match header::outline(start) {
            Some(outline) => self.backend.prepare(&outline).await,
            None => Ok(()),
        }
    }

    /// Takes a model.
    pub async fn load(&mut self, mut file: ModelFile) -> Result<(), EngineError> {
        let folded = file.folded.take();
        self.backend.load(&file.outline, &file.model.weights, folded.as_ref()).await?;
        self.loaded = Some(file);
        Ok(())
    }

    fn loaded(&self) -> Result<&ModelFile, EngineError> {
        self.loaded.as_ref().ok_or_else(|| EngineError::Model("no model is loaded".into()))
    }

    /// The classes' names.
    pub fn labels(&self) -> Result<&[String], EngineError> {
        Ok(&self.loaded()?.model.labels)
    }

    /// Facts of the model.
    pub fn info(&self) -> Result<Info, EngineError> {
        let ModelFile { outline, model, .. } = self.loaded()?;
        let summary = summarise(&model.architecture, outline.input.size);
        let weight = |w: &Weights| w.get("classifier.weight").map_or(0, |t| t.shape[1]);
        Ok(Info {
            architecture: model.architecture.to_string(),
            family: format!("{:?}", model.architecture.family),
            classes: model.labels.len(),
            size: outline.input.size,
            parameters: summary.parameters,
            macs: summary.macs,
            embedding: weight(&model.weights),
            epochs: model.facts.epochs,
            top1: model.facts.top1,
            train_images: model.facts.train_images,
            val_images: model.facts.val_images,
            version: model.facts.version.clone(),
            test_vectors: model.test_vectors.len(),
        })
    }

    /// The network's input for a photo.
    pub fn tensor(&self, photo: &Rgb) -> Result<Vec<u8>, EngineError> {
        photo::tensor(photo, &self.loaded()?.model.recipe)
    }

    /// Logits or features of `images` inputs, whatever they are: [`Outcome::finite`] makes an answer of them.
    pub async fn run(
        &mut self,
        pixels: &[u8],
        images: usize,
        wanted: Wanted,
    ) -> Result<Outcome, EngineError> {
        let Some(ModelFile { outline, model, .. }) = &self.loaded else {
            return Err(EngineError::Model("no model is loaded".into()));
        };
        self.backend.run(outline, &model.weights, pixels, images, wanted).await
    }

    /// Runs the model's test vectors.
    pub async fn verify(&mut self) -> Result<Verdict, EngineError> {
        let ModelFile { outline, model, .. } = self.loaded()?;
        let bytes = outline.input.image_bytes();
        let vectors = model.test_vectors.clone();
        let mut difference = 0.0_f64;
        for vector in &vectors {
            let outcome = self.run(&vector.input(bytes), 1, Wanted::Logits).await?;
            let row = outcome.rows.first().map(Vec::as_slice).unwrap_or_default();
            difference = difference.max(relative(row, &vector.logits));
        }
        Ok(Verdict { vectors: vectors.len(), difference, ok: difference <= self.tolerance() })
    }

    /// Goes on with the processor, where the device is gone for good: the weights are still here.
    pub fn use_cpu(&mut self) {
        self.backend.close();
        self.backend = Backend::Cpu(Box::default());
    }

    /// Frees what the device holds.
    pub fn close(&mut self) {
        self.backend.close();
        self.loaded = None;
    }
}

fn precision(half: bool) -> Precision {
    if half { Precision::Half } else { Precision::Single }
}

/// The largest difference relative to the largest expected value; infinite for what cannot be compared.
fn relative(got: &[f32], expected: &[f32]) -> f64 {
    if got.len() != expected.len() || got.iter().any(|v| !v.is_finite()) {
        return f64::INFINITY;
    }
    let scale = expected.iter().fold(1e-6_f64, |m, v| m.max(f64::from(v.abs())));
    let pairs = got.iter().zip(expected);
    pairs.fold(0.0_f64, |m, (a, b)| m.max(f64::from((a - b).abs()))) / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::tests::model;
    use photonet_model::TestVector;
    use pollster::block_on;

    async fn opened(model: &Model, backend: &str) -> Classifier {
        opened_in(model, backend, false).await
    }

    async fn opened_in(model: &Model, backend: &str, half: bool) -> Classifier {
        let bytes = model.to_bytes().unwrap();
        let mut classifier = Classifier::open(backend, half).await.unwrap();
        classifier.prepare(&bytes[..header::length(&bytes).unwrap()]).await.unwrap();
        let mut file = ModelFile::read(&bytes, "test").unwrap();
        if half {
            file.fold(half).unwrap();
        }
        classifier.load(file).await.unwrap();
        classifier
    }

    #[test]
    fn batches_single_runs_and_a_new_device_agree() {
        block_on(async {
            let mut classifier = opened(&model(5), "webgpu").await;
            let bytes = 32 * 32 * 3;
            let pixels: Vec<u8> = (0..3 * bytes).map(|i| (i * 7 % 251) as u8).collect();
            let single = classifier.run(&pixels[bytes..2 * bytes], 1, Wanted::Logits).await.unwrap();
            let many = classifier.run(&pixels, 3.min(classifier.batch().max(1)), Wanted::Logits).await;
            assert_eq!(single.rows.len(), 1);
            assert!(single.rows[0].iter().all(|v| v.is_finite()));
            if let (Ok(many), true) = (&many, classifier.batch() > 1) {
                assert!(relative(&many.rows[1], &single.rows[0]) < 1e-5);
            }
            let Backend::WebGpu(gpu) = &classifier.backend else { panic!("another backend") };
            gpu.lose();
            let again = classifier.run(&pixels[bytes..2 * bytes], 1, Wanted::Logits).await.unwrap();
            assert_eq!(again.rows, single.rows);
            assert_eq!(classifier.recoveries(), 1);
            let features = classifier.run(&pixels[..bytes], 1, Wanted::Features).await.unwrap();
            assert_eq!(features.rows[0].len(), classifier.info().unwrap().embedding);
            classifier.use_cpu();
            let elsewhere = classifier.run(&pixels[bytes..2 * bytes], 1, Wanted::Logits).await.unwrap();
            assert_eq!((classifier.backend(), classifier.batch()), ("cpu", 1));
            assert!(relative(&elsewhere.rows[0], &single.rows[0]) < 1e-4);
        });
    }

    #[test]
    fn half_precision_is_near_and_stays_on_a_new_device() {
        block_on(async {
            let model = model(5);
            let pixels: Vec<u8> = (0..32 * 32 * 3).map(|i| (i * 7 % 251) as u8).collect();
            let mut single = opened(&model, "webgpu").await;
            let mut half = opened_in(&model, "webgpu", true).await;
            let expected = single.run(&pixels, 1, Wanted::Logits).await.unwrap();
            let found = half.run(&pixels, 1, Wanted::Logits).await.unwrap();
            let difference = relative(&found.rows[0], &expected.rows[0]);
            assert!(difference > 1e-6 && difference < 1e-2, "{difference:.1e}");
            assert!(half.tolerance() > single.tolerance());
            let Backend::WebGpu(gpu) = &half.backend else { panic!("another backend") };
            gpu.lose();
            assert_eq!(half.run(&pixels, 1, Wanted::Logits).await.unwrap().rows, found.rows);
            assert_eq!(half.recoveries(), 1);
        });
    }

    #[test]
    fn the_processor_gives_what_the_shaders_give() {
        block_on(async {
            let (known, bytes) = (model(5), 32 * 32 * 3);
            let mut shaders = opened(&known, "webgpu").await;
            let mut processor = opened(&known, "cpu").await;
            assert_eq!((processor.backend(), processor.batch()), ("cpu", 1));
            let pixels: Vec<u8> = (0..bytes).map(|i| (i * 13 % 253) as u8).collect();
            for wanted in [Wanted::Logits, Wanted::Features] {
                let expected = shaders.run(&pixels, 1, wanted).await.unwrap();
                let found = processor.run(&pixels, 1, wanted).await.unwrap();
                assert_eq!(found.rows.len(), 1);
                assert_eq!(found.rows[0].len(), expected.rows[0].len());
                assert!(relative(&found.rows[0], &expected.rows[0]) < 1e-4);
            }
        });
    }

    #[test]
    fn test_vectors_are_checked() {
        block_on(async {
            let mut known = model(4);
            let mut classifier = opened(&known, "webgpu").await;
            assert_eq!(classifier.verify().await.unwrap().vectors, 0);
            let vector = TestVector { seed: 1, logits: Vec::new() };
            let input = vector.input(32 * 32 * 3);
            let logits = classifier.run(&input, 1, Wanted::Logits).await.unwrap().rows.swap_remove(0);
            known.test_vectors = vec![TestVector { seed: 1, logits: logits.clone() }];
            // What one backend gave, the other gives as well.
            for backend in ["webgpu", "cpu"] {
                assert!(opened(&known, backend).await.verify().await.unwrap().ok);
            }
            known.test_vectors[0].logits[2] += 0.1 * logits[2].abs().max(1.0);
            for backend in ["webgpu", "cpu"] {
                assert!(!opened(&known, backend).await.verify().await.unwrap().ok);
            }
        });
    }

    /// Weights so large that their sums are infinite, of a file that is not damaged otherwise.
    #[test]
    fn what_is_not_finite_is_an_error_and_no_answer() {
        block_on(async {
            let mut known = model(4);
            for (name, value) in [("classifier.weight", f32::MAX), ("classifier.bias", -f32::MAX)] {
                known.weights.tensors.get_mut(name).unwrap().data.fill(value);
            }
            known.test_vectors = vec![TestVector { seed: 1, logits: vec![1.0; 4] }];
            let pixels: Vec<u8> = (0..32 * 32 * 3).map(|i| (i * 7 % 251) as u8).collect();
            for backend in ["webgpu", "cpu"] {
                let mut classifier = opened(&known, backend).await;
                let logits = classifier.run(&pixels, 1, Wanted::Logits).await;
                let error = logits.and_then(Outcome::finite).unwrap_err();
                assert_eq!(error.kind(), "model");
                assert!(error.to_string().contains("not finite"), "{error}");
                let features = classifier.run(&pixels, 1, Wanted::Features).await;
                assert!(features.and_then(Outcome::finite).is_ok());
                let verdict = classifier.verify().await.unwrap();
                assert!(!verdict.ok && verdict.difference.is_infinite());
            }
        });
    }

    #[test]
    fn damaged_models_are_refused() {
        block_on(async {
            let bytes = model(4).to_bytes().unwrap();
            let mut classifier = Classifier::open("webgpu", false).await.unwrap();
            let mut spoiled = bytes.clone();
            let middle = bytes.len() / 2;
            spoiled[middle..middle + 64].fill(0xff);
            for (bytes, part) in [
                (&bytes[..bytes.len() / 2], "truncated"),
                (&spoiled, "not finite"),
                (b"<!doctype html><title>x</title>", "not a"),
                (&[], "not a"),
            ] {
                let error = ModelFile::read(bytes, "waste.safetensors").err().unwrap();
                assert_eq!(error.kind(), "model");
                let message = error.to_string();
                assert!(message.contains(part) && message.contains("waste.safetensors"), "{message}");
            }
            assert!(classifier.run(&[0; 32 * 32 * 3], 1, Wanted::Logits).await.is_err());
        });
    }
}
