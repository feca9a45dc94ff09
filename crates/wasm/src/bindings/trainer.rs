//! Training.

use super::{Photo, thrown};
use crate::error::EngineError;
use crate::trainer;
use js_sys::{Function, Promise};
use photonet_gpu::Compiled;
use photonet_train::session;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::future_to_promise;

/// How a trainer takes photos, for threads that decode them.
#[wasm_bindgen]
pub struct Intake {
    intake: session::Intake,
}

#[wasm_bindgen]
impl Intake {
    /// As `Trainer.intake` gave it.
    pub fn read(written: &str) -> Result<Intake, JsValue> {
        let intake = session::Intake::read(written).map_err(|e| thrown(e.into()))?;
        Ok(Self { intake })
    }

    /// What the trainer's `addKept` takes of a photo.
    pub fn keep(&self, photo: &Photo) -> Result<Vec<u8>, JsValue> {
        let kept = self.intake.keep(&photo.rgb).map_err(|e| thrown(e.into()))?;
        Ok(kept.to_bytes())
    }
}

/// Photos in the making of a model. Calls must not overlap: the package queues them.
#[wasm_bindgen]
pub struct Trainer {
    trainer: trainer::Trainer,
}

#[wasm_bindgen]
impl Trainer {
    /// Opens the device, for `settings` as JSON; `start` is the file of a model to start from, `name` its name for messages.
    pub async fn open(settings: String, start: Option<Vec<u8>>, name: String) -> Result<Trainer, JsValue> {
        let start = start.as_deref().map(|bytes| (bytes, name.as_str()));
        Ok(Self { trainer: trainer::Trainer::open(&settings, start).await.map_err(thrown)? })
    }

    /// Compiles kernels while photos are added, beside other calls.
    #[wasm_bindgen(js_name = compileAhead)]
    pub fn compile_ahead(&mut self) -> Promise {
        let compiling = self.trainer.compile_ahead();
        future_to_promise(async move {
            compiling.await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Takes a photo of the class with index `label`.
    pub fn add(&mut self, photo: &Photo, name: &str, label: u32) -> Result<(), JsValue> {
        self.trainer.add(&photo.rgb, name, label).map_err(thrown)
    }

    /// How photos are taken, for [`Intake::read`] in other threads.
    pub fn intake(&self) -> Result<String, JsValue> {
        self.trainer.intake().map_err(thrown)
    }

    /// Takes what [`Intake::keep`] gave of a photo of the class with index `label`.
    #[wasm_bindgen(js_name = addKept)]
    pub fn add_kept(&mut self, kept: &[u8], name: &str, label: u32) -> Result<(), JsValue> {
        self.trainer.add_kept(kept, name, label).map_err(thrown)
    }

    /// Whether no more photos are taken.
    #[wasm_bindgen(getter)]
    pub fn full(&self) -> bool {
        self.trainer.is_full()
    }

    /// Divides the photos and compiles the kernels; tells what the training is like, as JSON. `told` is called with how many
    /// kernels are compiled, and how many will be; it must not throw.
    pub async fn begin(&mut self, told: Function) -> Result<String, JsValue> {
        let told = |Compiled { done, wanted }| {
            // What the package gives does not throw.
            let _ = told.call2(&JsValue::NULL, &done.into(), &wanted.into());
        };
        json(&self.trainer.begin(told).await.map_err(thrown)?)
    }

    /// Does a step; tells how it went, as JSON.
    pub async fn advance(&mut self) -> Result<String, JsValue> {
        json(&self.trainer.advance().await.map_err(thrown)?)
    }

    /// What the best model so far is worth, as JSON; `null` before the end of the first epoch.
    pub fn judgement(&self) -> Result<String, JsValue> {
        json(&self.trainer.judgement())
    }

    /// The file of the best model so far.
    pub fn model(&self) -> Result<Vec<u8>, JsValue> {
        self.trainer.model().map_err(thrown)
    }

    /// Frees what the device and the photos take; the object itself is freed by `free()`.
    pub fn close(&mut self) {
        self.trainer.close();
    }
}

fn json<T: Serialize>(value: &T) -> Result<String, JsValue> {
    serde_json::to_string(value).map_err(|e| thrown(EngineError::Training(e.to_string())))
}
