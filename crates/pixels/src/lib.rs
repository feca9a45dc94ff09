//! What takes time between a photo's bytes and a network's input: JPEG decoding, orientation, resizing, and the type of an image.
//!
//! A crate of its own since a page is compiled for size, and this part of it for speed; everything else that is done with photos, and
//! the way to it, is `photonet-vision`.

mod error;
mod jpeg;
mod limits;
mod orientation;
mod resize;
mod rgb;

pub use error::VisionError;
pub use jpeg::decode_jpeg;
pub use limits::DecodeLimits;
pub use resize::{Interpolation, Library, MAX_RESIZE_PIXELS, Resampler, resize, resize_region};
pub use rgb::{Region, Rgb, View};
