//! From photo bytes to pixels: decoding, orientation, resizing, cropping and augmentation.
//!
//! The way of a photo is [`decode`] (bytes to upright 8-bit RGB), then a [`Recipe`] (the transforms between
//! that and the network's input). Normalisation is only described by the recipe; the GPU does it. For training,
//! [`Mixing`] lets the photos of a batch be mixed with one another.
//!
//! Every pixel is decided by integer arithmetic, or by single IEEE operations in a fixed order, so all native
//! targets and wasm32 give the same bytes: where a resize runs on vectors, it is the same integers. Random choices come from
//! the counter-based [`Random`], which depends on nothing but its key.
//!
//! ```
//! use photonet_vision::{DecodeLimits, Recipe, Rgb, VisionError, decode};
//!
//! fn network_input(photo: &[u8]) -> Result<Rgb, VisionError> {
//!     let image = decode(photo, &DecodeLimits::default())?;
//!     Recipe::eval(224).apply(&image, None)
//! }
//! ```

pub mod augment;
mod decode;
mod mix;
mod random;
mod recipe;
mod streams;
mod transform;

pub use augment::{Augmentation, Flip};
pub use decode::decode;
pub use mix::{Mix, Mixing, Strength};
pub use photonet_pixels::{
    DecodeLimits, Interpolation, Library, MAX_RESIZE_PIXELS, Region, Resampler, Rgb, VisionError, resize,
};
pub use random::{Purpose, Random, RngKey, philox4x32};
pub use recipe::Recipe;
pub use transform::{Transform, random_crop_region};
