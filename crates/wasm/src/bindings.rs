//! What JavaScript sees.

use crate::backend::{Outcome, Wanted};
use crate::classifier::{self, Classifier};
use crate::error::EngineError;
use crate::{header, photo};
use js_sys::{Error, Reflect};
use photonet_vision::Rgb;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// A JavaScript `Error` whose `kind` is `model`, `image` or `device`; `foreign` says that the browser may
/// know a format that is not read here.
fn thrown(error: EngineError) -> JsValue {
    let value = Error::new(&error.to_string());
    // Setting a property of a fresh object cannot fail.
    let _ = Reflect::set(&value, &"kind".into(), &error.kind().into());
    let _ = Reflect::set(&value, &"foreign".into(), &error.is_foreign().into());
    value.into()
}

/// A decoded photo: upright RGB.
#[wasm_bindgen]
pub struct Photo {
    rgb: Rgb,
}

#[wasm_bindgen]
impl Photo {
    /// Decodes a JPEG, PNG, WebP, BMP, GIF or TIFF file.
    pub fn decode(bytes: &[u8]) -> Result<Photo, JsValue> {
        photo::from_file(bytes).map(|rgb| Self { rgb }).map_err(thrown)
    }

    /// Takes RGBA pixels as a canvas gives them.
    #[wasm_bindgen(js_name = fromRgba)]
    pub fn from_rgba(rgba: &[u8], width: u32, height: u32) -> Result<Photo, JsValue> {
        photo::from_rgba(rgba, width, height).map(|rgb| Self { rgb }).map_err(thrown)
    }

    /// [`Engine::tensor`] where no engine is: `preprocessing` is what [`Engine::preprocessing`] gave elsewhere.
    pub fn tensor(&self, preprocessing: &str) -> Result<Vec<u8>, JsValue> {
        photo::tensor_by(&self.rgb, preprocessing).map_err(thrown)
    }

    /// Width in pixels, after turning upright.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> u32 {
        self.rgb.width()
    }

    /// Height in pixels, after turning upright.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> u32 {
        self.rgb.height()
    }
}

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
