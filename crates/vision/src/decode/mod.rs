//! From the bytes of a photo to upright 8-bit RGB.
//!
//! - The format is found from the content, never from a file name.
//! - EXIF orientation is applied once, here (JPEG, PNG, WebP and TIFF carry it). Results hold no orientation.
//! - Alpha is composited on white, straight, rounded to nearest.
//! - 16-bit samples are scaled to 8 by 255/65535, rounded to nearest; grey and palette become RGB.
//! - Of several pictures (GIF, APNG, animated WebP, TIFF pages) the first is taken.
//! - Colour profiles and gamma are left alone, as OpenCV and Pillow do by default.

mod convert;

use std::io::{Cursor, ErrorKind};

use image::codecs::{
    bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, tiff::TiffDecoder, webp::WebPDecoder,
};
use image::error::LimitErrorKind;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits};

use photonet_pixels::{DecodeLimits, Rgb, VisionError, decode_jpeg};

/// Decodes a JPEG, PNG, WebP, BMP, GIF or TIFF photo to upright 8-bit RGB.
///
/// # Errors
/// [`VisionError::Empty`], [`VisionError::NotAnImage`], [`VisionError::Unsupported`],
/// [`VisionError::Truncated`], [`VisionError::Damaged`] and [`VisionError::TooLarge`]. A file that was cut off
/// is always an error, unless everything of its first picture is there.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Rgb, VisionError> {
    if bytes.is_empty() {
        return Err(VisionError::Empty);
    }
    let format = image::guess_format(bytes).map_err(|_| unknown(bytes))?;
    let image = match format {
        ImageFormat::Jpeg => decode_jpeg(bytes, limits)?,
        ImageFormat::Png => with("PNG", bytes, limits, PngDecoder::new(Cursor::new(bytes)))?,
        ImageFormat::WebP if !webp_exif_ends(bytes) => return Err(VisionError::Truncated { format: "WebP" }),
        ImageFormat::WebP => with("WebP", bytes, limits, WebPDecoder::new(Cursor::new(bytes)))?,
        ImageFormat::Bmp => with("BMP", bytes, limits, BmpDecoder::new(Cursor::new(bytes)))?,
        ImageFormat::Gif => with("GIF", bytes, limits, GifDecoder::new(Cursor::new(bytes)))?,
        ImageFormat::Tiff => with("TIFF", bytes, limits, TiffDecoder::new(Cursor::new(bytes)))?,
        other => {
            let what = format!("the format {}", format!("{other:?}").to_ascii_uppercase());
            return Err(VisionError::Unsupported { what });
        }
    };
    convert::to_rgb(image)
}

/// Runs one of the image crate's decoders: limits, pixels, orientation.
fn with<D: ImageDecoder>(
    format: &'static str,
    bytes: &[u8],
    limits: &DecodeLimits,
    decoder: Result<D, ImageError>,
) -> Result<DynamicImage, VisionError> {
    let fail = |error| from_image_error(format, bytes, error);
    let mut decoder = decoder.map_err(fail)?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    // The decoders allocate canvases and frames beside the result, each of up to 8 bytes a pixel.
    let mut inner = Limits::no_limits();
    inner.max_alloc = Some(u64::from(width) * u64::from(height) * 24 + (64 << 20));
    decoder.set_limits(inner).map_err(fail)?;
    let orientation = decoder.orientation().map_err(fail)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(fail)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Whether a WebP file has all of the EXIF chunk that it announces: the decoder takes memory for what is announced, up to 4 GiB.
fn webp_exif_ends(bytes: &[u8]) -> bool {
    // Behind the 12 bytes of the file's own header: a name, a size, and as many bytes, to an even place.
    let mut at = 12;
    while let Some(size) = riff_size(bytes, at) {
        let end = at as u64 + 8 + size;
        if end > bytes.len() as u64 {
            return !bytes[at..].starts_with(b"EXIF");
        }
        at = (end + size % 2) as usize;
    }
    true
}

/// How many bytes follow the eight at `at`: a name of four, and this number.
fn riff_size(bytes: &[u8], at: usize) -> Option<u64> {
    let &size = bytes.get(at + 4..)?.first_chunk()?;
    Some(u32::from_le_bytes(size).into())
}

fn from_image_error(format: &'static str, bytes: &[u8], error: ImageError) -> VisionError {
    match error {
        ImageError::Unsupported(error) => VisionError::Unsupported { what: error.to_string() },
        ImageError::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => {
            VisionError::Damaged {
                format,
                detail: "it asks for far more memory than its size explains".into(),
            }
        }
        error if ends_early(format, bytes, &error) => VisionError::Truncated { format },
        error => VisionError::Damaged { format, detail: error.to_string() },
    }
}

/// Whether a decoder failed for want of bytes.
fn ends_early(format: &str, bytes: &[u8], error: &ImageError) -> bool {
    match (error, format) {
        (ImageError::IoError(error), _) => error.kind() == ErrorKind::UnexpectedEof,
        // The RIFF header counts the bytes after its first eight.
        (_, "WebP") => riff_size(bytes, 0).is_some_and(|size| (bytes.len() as u64) < size + 8),
        // The last block of a GIF is a semicolon, which some writers pad with zeros.
        (_, "GIF") => bytes.iter().rev().find(|&&byte| byte != 0) != Some(&b';'),
        _ => false,
    }
}

/// The error for bytes that begin as none of the image crate's formats.
fn unknown(bytes: &[u8]) -> VisionError {
    // HEIC and its relatives are ISO media files: a size, "ftyp", and a brand.
    if bytes.get(4..8) == Some(b"ftyp") {
        let brand: String = bytes[8..].iter().take(4).map(|&b| char::from(b)).collect();
        if matches!(brand.as_str(), "heic" | "heix" | "heim" | "heis" | "hevc" | "hevx" | "mif1" | "msf1") {
            return VisionError::Unsupported { what: "HEIC (the format of some phones)".into() };
        }
    }
    let start = &bytes[..bytes.len().min(16)];
    let text = start.iter().all(|&b| b.is_ascii_graphic() || b" \t\r\n".contains(&b));
    let start = if text {
        format!("the text {:?}", String::from_utf8_lossy(start))
    } else {
        let hex: Vec<String> = start.iter().map(|b| format!("{b:02x}")).collect();
        format!("the bytes {}", hex.join(" "))
    };
    VisionError::NotAnImage { start }
}
