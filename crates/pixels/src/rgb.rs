//! The one image type: 8-bit RGB.

#[cfg(vectors)]
use std::borrow::Cow;

use crate::VisionError;

/// 8-bit RGB image, row-major, interleaved (height, width, channel), without padding.
///
/// Both sides are at least 1 and the buffer holds exactly `width * height * 3` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

/// A rectangle of whole pixels inside an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Left edge, in pixels.
    pub x: u32,
    /// Top edge, in pixels.
    pub y: u32,
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
}

impl Region {
    /// Whether it has pixels, and all of them in an image of that size.
    pub(crate) fn check(self, image_width: u32, image_height: u32) -> Result<(), VisionError> {
        let Region { x, y, width, height } = self;
        if width == 0 || height == 0 {
            return Err(VisionError::ZeroSize { width, height });
        }
        let fits =
            |start: u32, length: u32, whole: u32| u64::from(start) + u64::from(length) <= u64::from(whole);
        if !fits(x, width, image_width) || !fits(y, height, image_height) {
            return Err(VisionError::CropOutside {
                x,
                y,
                crop_width: width,
                crop_height: height,
                width: image_width,
                height: image_height,
            });
        }
        Ok(())
    }
}

impl Rgb {
    /// Wraps `data`, which holds `width * height * 3` bytes.
    ///
    /// # Errors
    /// [`VisionError::ZeroSize`] if a side is 0, [`VisionError::BufferLength`] if the length does not match.
    pub fn new(width: u32, height: u32, data: Vec<u8>) -> Result<Rgb, VisionError> {
        if width == 0 || height == 0 {
            return Err(VisionError::ZeroSize { width, height });
        }
        let expected = (u64::from(width) * u64::from(height)).saturating_mul(3);
        if data.len() as u64 != expected {
            return Err(VisionError::BufferLength { width, height, expected, actual: data.len() });
        }
        Ok(Rgb { width, height, data })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The bytes, `[height][width][3]`.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The bytes, `[height][width][3]`, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The bytes, `[height][width][3]`, without a copy.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// Red, green and blue at column `x` and row `y`.
    ///
    /// # Panics
    /// If the position lies outside the image, as indexing a slice does.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        assert!(
            x < self.width && y < self.height,
            "pixel ({x}, {y}) of an image of {} x {}",
            self.width,
            self.height
        );
        let at = (y as usize * self.width as usize + x as usize) * 3;
        [self.data[at], self.data[at + 1], self.data[at + 2]]
    }

    /// Copies the `width` x `height` pixels whose upper left corner is (`x`, `y`).
    ///
    /// # Errors
    /// [`VisionError::ZeroSize`] for an empty crop, [`VisionError::CropOutside`] if it leaves the image.
    pub fn crop(&self, x: u32, y: u32, width: u32, height: u32) -> Result<Rgb, VisionError> {
        let view = View::of(self).region(Region { x, y, width, height })?;
        Ok(view.to_rgb())
    }

    /// The mirror image: left and right exchanged.
    pub fn flip_horizontal(&self) -> Rgb {
        let mut data = vec![0; self.data.len()];
        let line = self.width as usize * 3;
        for (row, out) in self.data.chunks_exact(line).zip(data.chunks_exact_mut(line)) {
            let ((pixels, _), (out, _)) = (row.as_chunks::<3>(), out.as_chunks_mut::<3>());
            for (out, pixel) in out.iter_mut().zip(pixels.iter().rev()) {
                *out = *pixel;
            }
        }
        Rgb { width: self.width, height: self.height, data }
    }

    /// Top and bottom exchanged.
    pub fn flip_vertical(&self) -> Rgb {
        let line = self.width as usize * 3;
        let data = self.data.chunks_exact(line).rev().flatten().copied().collect();
        Rgb { width: self.width, height: self.height, data }
    }
}

/// A rectangle of an image, read in place.
#[derive(Clone, Copy)]
pub struct View<'a> {
    data: &'a [u8],
    stride: usize,
    offset: usize,
    width: u32,
    height: u32,
}

impl<'a> View<'a> {
    /// The whole image.
    pub fn of(image: &'a Rgb) -> View<'a> {
        View {
            data: &image.data,
            stride: image.width as usize * 3,
            offset: 0,
            width: image.width,
            height: image.height,
        }
    }

    /// A part of the view.
    ///
    /// # Errors
    /// [`VisionError::ZeroSize`] for an empty part, [`VisionError::CropOutside`] if it leaves the view.
    pub fn region(self, region: Region) -> Result<View<'a>, VisionError> {
        region.check(self.width, self.height)?;
        let Region { x, y, width, height } = region;
        Ok(View { offset: self.offset + y as usize * self.stride + x as usize * 3, width, height, ..self })
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The bytes of row `y`, `width * 3` of them.
    pub(crate) fn row(&self, y: usize) -> &'a [u8] {
        let start = self.offset + y * self.stride;
        &self.data[start..start + self.width as usize * 3]
    }

    /// Row `y` and what follows it in memory, at least `bytes` bytes: zeros where the image ends before.
    #[cfg(vectors)]
    pub(crate) fn row_with(&self, y: usize, bytes: usize) -> Cow<'a, [u8]> {
        let row = &self.data[self.offset + y * self.stride..];
        if row.len() >= bytes {
            return Cow::Borrowed(row);
        }
        let mut padded = row.to_vec();
        padded.resize(bytes, 0);
        Cow::Owned(padded)
    }

    /// A copy of its pixels.
    pub fn to_rgb(self) -> Rgb {
        let mut data = Vec::with_capacity(self.width as usize * self.height as usize * 3);
        for y in 0..self.height as usize {
            data.extend_from_slice(self.row(y));
        }
        Rgb { width: self.width, height: self.height, data }
    }
}
