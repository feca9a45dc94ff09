//! What JavaScript sees.

#[cfg(feature = "classifier")]
mod engine;
#[cfg(feature = "trainer")]
mod trainer;

use crate::error::EngineError;
use crate::photo;
#[cfg(feature = "classifier")]
pub use engine::{Answer, Engine};
use js_sys::{Error, Reflect};
use photonet_vision::Rgb;
#[cfg(feature = "trainer")]
pub use trainer::{Intake, Trainer};
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

    /// The network's input where no engine is: `preprocessing` is what an engine gave elsewhere.
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
