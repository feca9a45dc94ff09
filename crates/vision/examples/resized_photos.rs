//! `resized_photos FILE.json PHOTO...` writes what becomes of photos with each way of resizing: for each photo and resampler its name,
//! the preprocessing, as a model's file has it, and the network's 64x64 pixels in hexadecimal digits. The package's tests
//! compare: the wasm has vectors of its own.

use photonet_vision::{DecodeLimits, Interpolation, Library, Recipe, Resampler, decode};
use std::error::Error;
use std::fs;
use std::path::PathBuf;

const SIZE: u32 = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let to = arguments.next().ok_or("usage: resized_photos FILE.json PHOTO...")?;
    let mut cases = Vec::new();
    for photo in arguments {
        let image = decode(&fs::read(&photo)?, &DecodeLimits::default())?;
        let name = photo.file_name().map(|name| name.to_string_lossy().into_owned());
        for library in [Library::OpenCv, Library::Pillow] {
            for interpolation in Interpolation::ALL {
                let recipe = Recipe::eval(SIZE).with_resampler(Resampler { library, interpolation });
                let pixels = recipe.apply(&image, None)?;
                let digits: String = pixels.data().iter().map(|byte| format!("{byte:02x}")).collect();
                cases.push(serde_json::json!({ "photo": name, "preprocessing": recipe, "pixels": digits }));
            }
        }
    }
    fs::write(&to, serde_json::to_string(&cases)?)?;
    Ok(())
}
