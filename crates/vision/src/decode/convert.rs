//! From the decoder's pixel type to 8-bit RGB on white.

use image::DynamicImage;

use crate::{Rgb, VisionError};

/// Expands grey, reduces depth and composites alpha on white.
pub(super) fn to_rgb(image: DynamicImage) -> Result<Rgb, VisionError> {
    let (width, height) = (image.width(), image.height());
    let data = match image {
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageLuma8(image) => map::<1, _>(&image.into_raw(), |[l]| [l; 3]),
        DynamicImage::ImageLumaA8(image) => map::<2, _>(&image.into_raw(), |[l, a]| [on_white_8(l, a); 3]),
        DynamicImage::ImageRgba8(image) => map::<4, _>(&image.into_raw(), |[r, g, b, a]| {
            [on_white_8(r, a), on_white_8(g, a), on_white_8(b, a)]
        }),
        DynamicImage::ImageLuma16(image) => map::<1, _>(&image.into_raw(), |[l]| [to_8(l); 3]),
        DynamicImage::ImageLumaA16(image) => map::<2, _>(&image.into_raw(), |[l, a]| [on_white_16(l, a); 3]),
        DynamicImage::ImageRgb16(image) => map::<3, _>(&image.into_raw(), |rgb| rgb.map(to_8)),
        DynamicImage::ImageRgba16(image) => map::<4, _>(&image.into_raw(), |[r, g, b, a]| {
            [on_white_16(r, a), on_white_16(g, a), on_white_16(b, a)]
        }),
        DynamicImage::ImageRgb32F(image) => map::<3, _>(&image.into_raw(), |rgb| rgb.map(float_to_8)),
        DynamicImage::ImageRgba32F(image) => map::<4, _>(&image.into_raw(), |[r, g, b, a]| {
            let a = unit(a);
            [r, g, b].map(|c| float_to_8(unit(c) * a + (1.0 - a)))
        }),
        other => {
            return Err(VisionError::Unsupported { what: format!("the pixel type {:?}", other.color()) });
        }
    };
    Rgb::new(width, height, data)
}

/// Turns each group of `N` samples into one RGB pixel.
fn map<const N: usize, T: Copy>(samples: &[T], pixel: impl Fn([T; N]) -> [u8; 3]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<N>();
    let mut data = Vec::with_capacity(pixels.len() * 3);
    for &samples in pixels {
        data.extend_from_slice(&pixel(samples));
    }
    data
}

/// `round((c * a + 255 * (255 - a)) / 255)`; 255 is odd, so no quotient lies half-way.
fn on_white_8(c: u8, a: u8) -> u8 {
    let (c, a) = (u32::from(c), u32::from(a));
    ((c * a + 255 * (255 - a) + 127) / 255) as u8
}

/// Composites in 16 bits and reduces once, so that the result is rounded once.
fn on_white_16(c: u16, a: u16) -> u8 {
    const MAX: u64 = 65_535;
    let (c, a) = (u64::from(c), u64::from(a));
    let over = c * a + MAX * (MAX - a);
    ((over * 255 + MAX * MAX / 2) / (MAX * MAX)) as u8
}

/// `round(c * 255 / 65535)`.
fn to_8(c: u16) -> u8 {
    ((u32::from(c) + 128) / 257) as u8
}

/// Into 0 to 1; what is no number counts as 0.
fn unit(c: f32) -> f32 {
    if c.is_nan() { 0.0 } else { c.clamp(0.0, 1.0) }
}

fn float_to_8(c: f32) -> u8 {
    (unit(c) * 255.0 + 0.5) as u8
}
