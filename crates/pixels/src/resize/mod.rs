//! Resizing in OpenCV's and in Pillow's arithmetic.
//!
//! A network trained behind one library's resize loses accuracy behind the other's, so both are here, to the
//! bit. The arithmetic is written out rather than taken from `fast_image_resize`: that crate rounds its
//! weights to 16 bits with a precision that depends on the largest weight, whereas OpenCV has 11 fractional
//! bits and Pillow 22, so it equals neither; and it has no OpenCV area mode.
//!
//! Verified against opencv-python 4.6 and 5.0 and Pillow 11.3 to 12.1 (`tests/golden` holds a part): equal bytes
//! everywhere but in OpenCV's bicubic. That one has several paths: IPP with weights of its own on Intel
//! machines, floating point on SIMD machines, integers otherwise; they differ from each other by 1 here and
//! there, and this is the integer one. From 12.2 on, Pillow runs the vertical pass first where that is
//! cheaper, which rounds differently; here the horizontal pass always comes first.

mod area;
#[cfg(vectors)]
mod lanes;
mod opencv;
mod pillow;
mod taps;
#[cfg(test)]
mod tests;
#[cfg(vectors)]
mod vectors;

use serde::{Deserialize, Serialize};

use crate::rgb::{Region, View};
use crate::{Rgb, VisionError};

/// The most pixels that a resize may produce, or hold between its passes: 200 million.
pub const MAX_RESIZE_PIXELS: u64 = 200_000_000;

/// Whose arithmetic a resize follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Library {
    /// `cv2.resize`: half-pixel centres, a kernel of fixed size (no antialiasing but for area), 11-bit weights.
    OpenCv,
    /// `PIL.Image.resize`: the kernel grows with the reduction (antialiasing), 22-bit weights.
    Pillow,
}

/// The interpolation of a resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Interpolation {
    /// The nearest pixel (`INTER_NEAREST`, `NEAREST`).
    Nearest,
    /// Linear in both directions (`INTER_LINEAR`, `BILINEAR`).
    Bilinear,
    /// Cubic convolution: a = -0.75 for OpenCV, -0.5 for Pillow (`INTER_CUBIC`, `BICUBIC`).
    Bicubic,
    /// The mean over the covered area (`INTER_AREA`, `BOX`).
    Area,
    /// Windowed sinc: 8 taps for OpenCV, 3 lobes for Pillow (`INTER_LANCZOS4`, `LANCZOS`).
    Lanczos,
}

impl Interpolation {
    /// All of them.
    pub const ALL: [Interpolation; 5] = [
        Interpolation::Nearest,
        Interpolation::Bilinear,
        Interpolation::Bicubic,
        Interpolation::Area,
        Interpolation::Lanczos,
    ];
}

/// How to resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resampler {
    /// Whose arithmetic.
    pub library: Library,
    /// Which interpolation.
    pub interpolation: Interpolation,
}

impl Default for Resampler {
    /// OpenCV's bilinear, what PaddleClas trains with.
    fn default() -> Self {
        Resampler { library: Library::OpenCv, interpolation: Interpolation::Bilinear }
    }
}

/// What a resize runs on. The bytes are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instructions {
    /// Plain Rust, on every machine.
    Portable,
    /// Those of the processor, where [`vectors::available`] says so: AVX2, NEON or WebAssembly's.
    #[cfg(vectors)]
    Vectors,
}

impl Instructions {
    /// The fastest that this processor has.
    fn best() -> Instructions {
        #[cfg(vectors)]
        if vectors::available() {
            return Instructions::Vectors;
        }
        Instructions::Portable
    }
}

/// Resizes to `width` x `height` pixels.
///
/// # Errors
/// [`VisionError::ZeroSize`] if a side is 0, [`VisionError::ResizeTooLarge`] beyond [`MAX_RESIZE_PIXELS`].
pub fn resize(image: &Rgb, width: u32, height: u32, resampler: Resampler) -> Result<Rgb, VisionError> {
    resize_region(View::of(image), (width, height), Region { x: 0, y: 0, width, height }, resampler)
}

/// The part `region` of the image that resizing `view` to `full` (width, height) would give, at the cost of
/// that part alone.
///
/// # Errors
/// As [`resize`]; [`VisionError::CropOutside`] for a part beyond `full`.
pub fn resize_region(
    view: View<'_>,
    full: (u32, u32),
    region: Region,
    resampler: Resampler,
) -> Result<Rgb, VisionError> {
    resize_on(Instructions::best(), view, full, region, resampler)
}

fn resize_on(
    instructions: Instructions,
    view: View<'_>,
    full: (u32, u32),
    region: Region,
    resampler: Resampler,
) -> Result<Rgb, VisionError> {
    let Region { width, height, .. } = region;
    region.check(full.0, full.1)?;
    check_pixels(view, full, u64::from(width), u64::from(height))?;
    if full == (view.width(), view.height()) {
        return Ok(view.region(region)?.to_rgb());
    }
    let data = match resampler.library {
        Library::OpenCv => opencv::resize(view, full, region, resampler.interpolation, instructions),
        Library::Pillow => pillow::resize(view, full, region, resampler.interpolation, instructions)?,
    };
    Rgb::new(width, height, data)
}

/// Refuses to hold more than [`MAX_RESIZE_PIXELS`] at once.
fn check_pixels(view: View<'_>, full: (u32, u32), width: u64, height: u64) -> Result<(), VisionError> {
    if width.saturating_mul(height) <= MAX_RESIZE_PIXELS {
        return Ok(());
    }
    Err(VisionError::ResizeTooLarge {
        from_width: view.width(),
        from_height: view.height(),
        width: full.0.into(),
        height: full.1.into(),
        limit: MAX_RESIZE_PIXELS,
    })
}
