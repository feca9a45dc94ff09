//! From photo bytes, or from pixels that the browser decoded, to the network's input.

use crate::error::EngineError;
use photonet_vision::{DecodeLimits, Recipe, Rgb, VisionError, decode};

/// Decodes a JPEG, PNG, WebP, BMP, GIF or TIFF file to upright RGB.
pub fn from_file(bytes: &[u8]) -> Result<Rgb, EngineError> {
    // The default limits fit: decoding needs up to 11 bytes a pixel, and wasm has 4 GiB.
    Ok(decode(bytes, &DecodeLimits::default())?)
}

/// RGBA pixels as a canvas gives them (straight alpha), on white, as [`from_file`] composites.
pub fn from_rgba(rgba: &[u8], width: u32, height: u32) -> Result<Rgb, EngineError> {
    DecodeLimits::default().check(width, height)?;
    let pixels = u64::from(width) * u64::from(height);
    if rgba.len() as u64 != pixels * 4 {
        return Err(EngineError::Image(VisionError::BufferLength {
            width,
            height,
            expected: pixels * 3,
            actual: rgba.len(),
        }));
    }
    let on_white = |c: u8, a: u8| {
        let (c, a) = (u32::from(c), u32::from(a));
        ((c * a + 255 * (255 - a) + 127) / 255) as u8
    };
    let (chunks, _) = rgba.as_chunks::<4>();
    let data = chunks.iter().flat_map(|&[r, g, b, a]| [r, g, b].map(|c| on_white(c, a))).collect();
    Ok(Rgb::new(width, height, data)?)
}

/// The network's input, `size * size * 3` bytes.
pub fn tensor(photo: &Rgb, recipe: &Recipe) -> Result<Vec<u8>, EngineError> {
    Ok(recipe.apply(photo, None)?.into_data())
}

/// The same by a recipe as a model file writes it, for a thread that has no model.
pub fn tensor_by(photo: &Rgb, preprocessing: &str) -> Result<Vec<u8>, EngineError> {
    let recipe = serde_json::from_str(preprocessing)
        .map_err(|e| EngineError::Model(format!("the preprocessing cannot be read: {e}")))?;
    tensor(photo, &recipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_becomes_white_and_sizes_are_checked() {
        let photo = from_rgba(&[10, 20, 30, 255, 10, 20, 30, 0], 2, 1).unwrap();
        assert_eq!(photo.data(), [10, 20, 30, 255, 255, 255]);
        assert!(from_rgba(&[0; 8], 3, 1).is_err());
        let error = from_rgba(&[], 20_000, 20_000).unwrap_err().to_string();
        assert!(
            error.contains("too large: 20000 x 20000") && error.contains(" 200 million in all"),
            "{error}"
        );
    }

    #[test]
    fn a_recipe_in_its_written_form_gives_the_same_input() {
        let photo = from_rgba(&[10, 20, 30, 255, 200, 100, 50, 255], 2, 1).unwrap();
        let recipe = Recipe::eval(32);
        let written = serde_json::to_string(&recipe).unwrap();
        assert_eq!(tensor_by(&photo, &written).unwrap(), tensor(&photo, &recipe).unwrap());
        assert_eq!(tensor_by(&photo, "{}").unwrap_err().kind(), "model");
    }

    #[test]
    fn text_called_jpg_is_named_for_what_it_is() {
        let error = from_file(b"hello").unwrap_err();
        assert_eq!(error.kind(), "image");
        assert!(error.to_string().contains("hello"), "{error}");
    }
}
