//! Small pictures inside a page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use photonet_train::decode_photo;
use photonet_vision::{Interpolation, Library, Resampler, Rgb, resize};
use std::path::Path;

/// The longest side of a picture, in pixels: sharp on a phone, and some 10 KB.
const SIDE: u32 = 320;

const QUALITY: u8 = 75;

/// A picture that needs no file of its own.
pub struct Picture {
    /// Its bytes, as an address.
    pub address: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

impl Picture {
    /// The photo at `path`, upright as the network gets it and whole, which the network may not get; for one that can no
    /// longer be read, why not.
    pub fn of(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
        let small = reduced(decode_photo(&bytes)?)?;
        let (width, height) = (small.width(), small.height());
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
            .encode(small.data(), width, height, ExtendedColorType::Rgb8)
            .map_err(|e| e.to_string())?;
        Ok(Self { address: format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)), width, height })
    }
}

fn reduced(photo: Rgb) -> Result<Rgb, String> {
    let longest = photo.width().max(photo.height());
    if longest <= SIDE {
        return Ok(photo);
    }
    let side = |of: u32| (u64::from(of) * u64::from(SIDE) / u64::from(longest)).max(1) as u32;
    let resampler = Resampler { library: Library::Pillow, interpolation: Interpolation::Bilinear };
    resize(&photo, side(photo.width()), side(photo.height()), resampler).map_err(|e| e.to_string())
}
