//! Classifying.

use super::{Photo, thrown};
use crate::backend::{Outcome, Wanted};
use crate::classifier::{self, Classifier};
use crate::header;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The rows of a run, one after another, and the milliseconds of its parts.
#[wasm_bindgen]
pub struct Answer {
    outcome: Outcome,
}

#[wasm_bindgen]
impl Answer {
    /// All rows in one array.
    pub fn values(&self) -> Vec<f32> {
        self.outcome.rows.concat()
    }

    /// Handing over pixels and commands.
    #[wasm_bindgen(getter)]
    pub fn upload(&self) -> f64 {
        self.outcome.spent.upload
    }

    /// Computing.
    #[wasm_bindgen(getter)]
    pub fn compute(&self) -> f64 {
        self.outcome.spent.compute
    }

    /// Reading back.
    #[wasm_bindgen(getter, js_name = readBack)]
    pub fn read_back(&self) -> f64 {
        self.outcome.spent.read_back
    }
}

/// A model file that was read.
#[wasm_bindgen]
pub struct ModelFile {
    file: classifier::ModelFile,
}

#[wasm_bindgen]
impl ModelFile {
    /// Reads one; `name` is for messages.
    pub fn read(bytes: Vec<u8>, name: String) -> Result<ModelFile, JsValue> {
        classifier::ModelFile::read(&bytes, &name).map(|file| Self { file }).map_err(thrown)
    }

    /// Makes the weights ready for a device, in half precision or not.
    pub fn fold(&mut self, half: bool) -> Result<(), JsValue> {
        self.file.fold(half).map_err(thrown)
    }
}

/// A model on a backend. Calls must not overlap: the package queues them.
#[wasm_bindgen]
pub struct Engine {
    classifier: Classifier,
}

#[wasm_bindgen]
impl Engine {
    /// Opens a backend, `webgpu` or `cpu`; `half` asks for half precision, which the CPU does not have.
    pub async fn open(backend: String, half: bool) -> Result<Engine, JsValue> {
        Ok(Self { classifier: Classifier::open(&backend, half).await.map_err(thrown)? })
    }

    /// How many bytes from the start of a model file [`Engine::prepare`] needs, told from its first eight;
    /// 0 for what cannot be one.
    #[wasm_bindgen(js_name = headerLength)]
    pub fn header_length(start: &[u8]) -> usize {
        header::length(start).unwrap_or(0)
    }

    /// How a model takes its photos, from as many bytes of its file; nothing of what is no model.
    pub fn preprocessing(start: &[u8]) -> Option<String> {
        header::preprocessing(start)
    }

    /// The backend in use.
    #[wasm_bindgen(getter)]
    pub fn backend(&self) -> String {
        self.classifier.backend().into()
    }

    /// How often a lost device was replaced by a new one.
    #[wasm_bindgen(getter)]
    pub fn recoveries(&self) -> u32 {
        self.classifier.recoveries()
    }

    /// Images of one run at most.
    #[wasm_bindgen(getter)]
    pub fn batch(&self) -> usize {
        self.classifier.batch()
    }

    /// Compiles ahead while the model downloads.
    pub async fn prepare(&mut self, start: Vec<u8>) -> Result<(), JsValue> {
        self.classifier.prepare(&start).await.map_err(thrown)
    }

    /// Takes a model.
    pub async fn load(&mut self, file: ModelFile) -> Result<(), JsValue> {
        self.classifier.load(file.file).await.map_err(thrown)
    }

    /// The classes' names.
    pub fn labels(&self) -> Result<Vec<String>, JsValue> {
        self.classifier.labels().map(<[String]>::to_vec).map_err(thrown)
    }

    /// Facts of the model, as JSON.
    pub fn info(&self) -> Result<String, JsValue> {
        let info = self.classifier.info().map_err(thrown)?;
        serde_json::to_string(&info).map_err(|e| JsValue::from_str(&e.to_string()))
    }

    /// The network's input for a photo: `size * size * 3` bytes.
    pub fn tensor(&self, photo: &Photo) -> Result<Vec<u8>, JsValue> {
        self.classifier.tensor(&photo.rgb).map_err(thrown)
    }

    /// Logits of `images` inputs that follow one another in `pixels`.
    pub async fn classify(&mut self, pixels: Vec<u8>, images: usize) -> Result<Answer, JsValue> {
        self.run(pixels, images, Wanted::Logits).await
    }

    /// Embeddings of `images` inputs.
    pub async fn embed(&mut self, pixels: Vec<u8>, images: usize) -> Result<Answer, JsValue> {
        self.run(pixels, images, Wanted::Features).await
    }

    async fn run(&mut self, pixels: Vec<u8>, images: usize, wanted: Wanted) -> Result<Answer, JsValue> {
        let outcome = self.classifier.run(&pixels, images, wanted).await;
        let outcome = outcome.and_then(Outcome::finite).map_err(thrown)?;
        Ok(Answer { outcome })
    }

    /// Runs the model's test vectors; gives the verdict as JSON.
    pub async fn verify(&mut self) -> Result<String, JsValue> {
        let verdict = self.classifier.verify().await.map_err(thrown)?;
        serde_json::to_string(&verdict).map_err(|e| JsValue::from_str(&e.to_string()))
    }

    /// Goes on with the processor, where the device is gone for good.
    #[wasm_bindgen(js_name = useCpu)]
    pub fn use_cpu(&mut self) {
        self.classifier.use_cpu();
    }

    /// Frees what the device holds; the object itself is freed by `free()`.
    pub fn close(&mut self) {
        self.classifier.close();
    }
}
