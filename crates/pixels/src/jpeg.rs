//! JPEG, through zune-jpeg with its processor-specific paths switched off. Its tests are `photonet-vision`'s, beside the other formats'.
//!
//! The image crate's own JPEG decoder runs the same library leniently: it fills what is missing with grey and
//! picks a SIMD path by processor. Here the decoder is strict, and a scan of the segments beforehand finds
//! what strictness misses or needlessly refuses: a file that ends before its end marker, stray bytes between
//! segments, and Adobe's three-component RGB, which zune-jpeg does not read unless the components are named
//! R, G and B.
//!
//! Not noticed is a file with pixels missing but an end marker put in place, as some repair tools write it.
//!
//! Four-component files are read as Adobe writes them, inverted, as Pillow does.

use std::borrow::Cow;
use std::ops::Range;

use image::{DynamicImage, GrayImage, RgbImage, metadata::Orientation};
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::errors::DecodeErrors;

use crate::orientation::Pixels;
use crate::{DecodeLimits, VisionError};

const FORMAT: &str = "JPEG";

/// Decodes a JPEG to upright grey or RGB.
///
/// # Errors
/// [`VisionError::Unsupported`], [`VisionError::Truncated`], [`VisionError::Damaged`] and [`VisionError::TooLarge`].
pub fn decode_jpeg(bytes: &[u8], limits: &DecodeLimits) -> Result<DynamicImage, VisionError> {
    let layout = Layout::scan(bytes)?;
    if let Some((width, height)) = layout.size {
        limits.check(width, height)?;
    }
    if let Some(what) = layout.unsupported() {
        return Err(VisionError::Unsupported { what: what.into() });
    }
    if !layout.complete {
        return Err(VisionError::Truncated { format: FORMAT });
    }
    // Owned, as the TIFF decoder gives it too: the decoder is generic over it, and with bytes of another type a page has 76 KB more of it.
    let bytes = layout.cleaned(bytes).into_owned();
    let options = DecoderOptions::new_safe()
        .set_use_unsafe(false)
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(from_jpeg_error)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let output = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(output));
    let (width, height) = decoder.dimensions().ok_or_else(|| damaged("it has no frame header"))?;
    limits.check(width as u32, height as u32)?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);

    let data = decoder.decode().map_err(from_jpeg_error)?;
    let length = data.len();
    let wrong = || damaged(format!("the decoder returned {length} bytes for {width} x {height} pixels"));
    if length != width * height * if grey { 1 } else { 3 } {
        return Err(wrong());
    }
    let image = if grey {
        let Pixels { width, height, data } = Pixels::<1> { width, height, data }.upright(orientation);
        GrayImage::from_raw(width as u32, height as u32, data).map(DynamicImage::from)
    } else {
        let Pixels { width, height, data } = Pixels::<3> { width, height, data }.upright(orientation);
        RgbImage::from_raw(width as u32, height as u32, data).map(DynamicImage::from)
    };
    image.ok_or_else(wrong)
}

fn damaged(detail: impl Into<String>) -> VisionError {
    VisionError::Damaged { format: FORMAT, detail: detail.into() }
}

fn from_jpeg_error(error: DecodeErrors) -> VisionError {
    match error {
        DecodeErrors::Unsupported(scheme) => {
            VisionError::Unsupported { what: format!("this kind of JPEG ({scheme:?})") }
        }
        DecodeErrors::ExhaustedData => VisionError::Truncated { format: FORMAT },
        error => damaged(error.to_string()),
    }
}

/// Where the parts of a JPEG file lie.
struct Layout {
    /// Segments and entropy-coded data from the start marker to the end marker, without what lies between.
    parts: Vec<Range<usize>>,
    /// Marker and sample precision of the frame header.
    frame: Option<(u8, u8)>,
    /// Width and height in the frame header.
    size: Option<(u32, u32)>,
    /// The identifiers of the components in the frame header.
    components: Vec<u8>,
    /// Places of those identifiers in the frame header and in the scan headers.
    identifiers: Vec<usize>,
    /// The index in `parts` of an Adobe segment that says: no colour transform.
    adobe_untransformed: Option<usize>,
    /// Whether there are bytes that belong to no segment.
    stray: bool,
    /// Whether the end marker was found, after at least one scan.
    complete: bool,
}

impl Layout {
    fn scan(bytes: &[u8]) -> Result<Layout, VisionError> {
        let mut layout = Layout {
            parts: std::iter::once(0..2).collect(),
            frame: None,
            size: None,
            components: Vec::new(),
            identifiers: Vec::new(),
            adobe_untransformed: None,
            stray: false,
            complete: false,
        };
        let mut at = 2;
        let mut scans = 0;
        while let Some((marker, start)) = layout.next_marker(bytes, at) {
            match marker {
                0xD9 => {
                    layout.parts.push(start..start + 2);
                    layout.complete = scans > 0;
                    break;
                }
                // Markers without a length: start, restart and the reserved 01.
                0xD8 | 0x01 | 0xD0..=0xD7 => {
                    layout.stray = true;
                    at = start + 2;
                }
                _ => {
                    let Some(length) = bytes.get(start + 2..start + 4) else { break };
                    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                    let end = start + 2 + length;
                    if length < 2 {
                        return Err(damaged(format!(
                            "segment {marker:02X} has the impossible length {length}"
                        )));
                    }
                    let Some(payload) = bytes.get(start + 4..end) else { break };
                    layout.segment(marker, payload, start + 4);
                    at = end;
                    if marker == 0xDA {
                        scans += 1;
                        at = entropy_end(bytes, end);
                    }
                    layout.parts.push(start..at);
                }
            }
        }
        Ok(layout)
    }

    /// The next marker's code and place, from `at` on; notes whatever is skipped.
    fn next_marker(&mut self, bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
        loop {
            match (*bytes.get(at)?, *bytes.get(at + 1)?) {
                (0xFF, 0xFF) => at += 1,
                (0xFF, code) if code != 0 => return Some((code, at)),
                _ => {
                    self.stray = true;
                    at += 1;
                }
            }
        }
    }

    /// Notes what a segment says; `offset` is the place of its payload in the file.
    fn segment(&mut self, marker: u8, payload: &[u8], offset: usize) {
        match marker {
            // Frame headers: all of C0 to CF but the tables C4 and CC and the reserved C8.
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                if let [precision, h1, h0, w1, w0, _, components @ ..] = payload {
                    let word = |high: u8, low: u8| u32::from(u16::from_be_bytes([high, low]));
                    self.frame = Some((marker, *precision));
                    self.size = Some((word(*w1, *w0), word(*h1, *h0)));
                    self.components = components.chunks_exact(3).map(|c| c[0]).collect();
                    self.identifiers.extend((0..self.components.len()).map(|i| offset + 6 + 3 * i));
                }
            }
            0xDA => {
                let count = payload.first().map_or(0, |&n| usize::from(n));
                if payload.len() > 2 * count {
                    self.identifiers.extend((0..count).map(|i| offset + 1 + 2 * i));
                }
            }
            0xEE if payload.starts_with(b"Adobe") && payload.get(11) == Some(&0) => {
                self.adobe_untransformed = Some(self.parts.len());
            }
            _ => {}
        }
    }

    /// Names the coding process, if it is one that the decoder does not have.
    fn unsupported(&self) -> Option<&'static str> {
        match self.frame? {
            (0xC0..=0xC2, 8) => None,
            (0xC0..=0xC2, _) => Some("JPEG with more than 8 bits a sample"),
            (0xC3, _) => Some("lossless JPEG"),
            (0xC5..=0xC7, _) => Some("hierarchical JPEG"),
            _ => Some("arithmetic coding in JPEG"),
        }
    }

    /// The file with only its parts, and with Adobe's RGB named so that the decoder sees it.
    fn cleaned<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let rename = self.adobe_untransformed.filter(|_| self.components.len() == 3);
        if !self.stray && rename.is_none() {
            let end = self.parts.last().map_or(bytes.len(), |part| part.end);
            return Cow::Borrowed(&bytes[..end]);
        }
        let mut renamed = Cow::Borrowed(bytes);
        if rename.is_some() {
            let file = renamed.to_mut();
            for &place in &self.identifiers {
                if let Some(index) = self.components.iter().position(|&id| id == file[place]) {
                    file[place] = b"RGB"[index];
                }
            }
        }
        let kept = self.parts.iter().enumerate().filter(|(index, _)| rename != Some(*index));
        Cow::Owned(kept.flat_map(|(_, part)| renamed[part.clone()].iter().copied()).collect())
    }
}

/// The end of the entropy-coded data that starts at `at`: the next marker that is neither a restart nor a
/// stuffed zero, or the end of the file.
fn entropy_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (0xFF, Some(0x00 | 0xD0..=0xD7)) => at += 2,
            // A fill byte: the marker may follow.
            (0xFF, Some(0xFF)) => at += 1,
            (0xFF, Some(_)) => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}
