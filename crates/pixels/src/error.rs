//! What can go wrong between a photo's bytes and the network's input.

/// Why a photo could not be decoded or transformed.
///
/// No message names the file: this crate sees bytes only, so the caller adds the name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VisionError {
    /// There are no bytes to decode.
    #[error("the file is empty (0 bytes); copy the photo again from its source")]
    Empty,
    /// The bytes do not begin as any known image format does, whatever the file is called.
    #[error(
        "the content is not an image of a known format (it begins with {start}); \
         expected JPEG, PNG, WebP, BMP, GIF or TIFF"
    )]
    NotAnImage {
        /// The first bytes, as text where they are text and in hexadecimal otherwise.
        start: String,
    },
    /// A known image format, or a feature of one, that is not read here.
    #[error("{what} is not supported; convert the photo to JPEG or PNG")]
    Unsupported {
        /// The format or the feature.
        what: String,
    },
    /// The file ends before the image does.
    #[error(
        "the {format} file is truncated: it ends before the image is complete; \
         copy the photo again from its source"
    )]
    Truncated {
        /// The name of the format.
        format: &'static str,
    },
    /// The format was recognised, but its data contradicts itself.
    #[error("the {format} file is damaged: {detail}")]
    Damaged {
        /// The name of the format.
        format: &'static str,
        /// The decoder's reason.
        detail: String,
    },
    /// The header announces more than the limits allow; nothing was allocated.
    #[error(
        "the image is too large: {width} x {height} pixels, where at most {max_side} a side and \
         {} million in all are allowed; make it smaller first",
        *.max_pixels as f64 / 1e6
    )]
    TooLarge {
        /// Width in the header, in pixels.
        width: u32,
        /// Height in the header, in pixels.
        height: u32,
        /// The limit on either side, in pixels.
        max_side: u32,
        /// The limit on width times height, in pixels.
        max_pixels: u64,
    },
    /// An image was asked for with a side of zero pixels.
    #[error("an image cannot have {width} x {height} pixels; both sides must be at least 1")]
    ZeroSize {
        /// Width asked for, in pixels.
        width: u32,
        /// Height asked for, in pixels.
        height: u32,
    },
    /// A buffer's length does not follow from its width and height.
    #[error("{width} x {height} RGB pixels take {expected} bytes, but the buffer has {actual}")]
    BufferLength {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Width times height times 3.
        expected: u64,
        /// The length of the buffer, in bytes.
        actual: usize,
    },
    /// A crop reaches outside its image.
    #[error(
        "a crop of {crop_width} x {crop_height} pixels at ({x}, {y}) reaches outside an image of \
         {width} x {height}"
    )]
    CropOutside {
        /// Left edge of the crop, in pixels.
        x: u32,
        /// Top edge of the crop, in pixels.
        y: u32,
        /// Width of the crop, in pixels.
        crop_width: u32,
        /// Height of the crop, in pixels.
        crop_height: u32,
        /// Width of the image, in pixels.
        width: u32,
        /// Height of the image, in pixels.
        height: u32,
    },
    /// A centre crop is larger than the image that reaches it.
    #[error(
        "a centre crop of {size} x {size} pixels does not fit an image of {width} x {height}; \
         resize the short side to at least {size} first"
    )]
    CropTooLarge {
        /// Side of the crop, in pixels.
        size: u32,
        /// Width of the image, in pixels.
        width: u32,
        /// Height of the image, in pixels.
        height: u32,
    },
    /// A resize would need more pixels than [`crate::MAX_RESIZE_PIXELS`]; nothing was allocated.
    #[error(
        "resizing {from_width} x {from_height} to {width} x {height} pixels would need more than \
         {limit} pixels at once; crop the photo to a less elongated shape, or ask for a smaller size"
    )]
    ResizeTooLarge {
        /// Width before, in pixels.
        from_width: u32,
        /// Height before, in pixels.
        from_height: u32,
        /// Width asked for, in pixels.
        width: u64,
        /// Height asked for, in pixels.
        height: u64,
        /// The limit, in pixels.
        limit: u64,
    },
    /// A random transform was applied without a key for its random numbers.
    #[error(
        "the recipe draws random numbers ({transform}) but got no key; use an evaluation recipe or pass a key"
    )]
    KeyMissing {
        /// The transform that needs the key.
        transform: &'static str,
    },
    /// A recipe holds a value that no image can be transformed with.
    #[error("the preprocessing recipe is invalid: {0}")]
    InvalidRecipe(String),
}
