//! What a header may ask for.

use crate::VisionError;

/// How large an image may be, checked from its header before its pixels are allocated.
#[derive(Clone, Debug)]
pub struct DecodeLimits {
    /// Limit on width and on height, in pixels.
    pub max_side: u32,
    /// Limit on width times height, in pixels.
    pub max_pixels: u64,
}

impl Default for DecodeLimits {
    /// 65,535 pixels a side and 200 million in all.
    fn default() -> Self {
        DecodeLimits { max_side: 65_535, max_pixels: 200_000_000 }
    }
}

impl DecodeLimits {
    /// Refuses sides and areas beyond the limits.
    ///
    /// # Errors
    /// [`VisionError::TooLarge`].
    pub fn check(&self, width: u32, height: u32) -> Result<(), VisionError> {
        let pixels = u64::from(width) * u64::from(height);
        if width.max(height) > self.max_side || pixels > self.max_pixels {
            let DecodeLimits { max_side, max_pixels } = *self;
            return Err(VisionError::TooLarge { width, height, max_side, max_pixels });
        }
        Ok(())
    }
}
