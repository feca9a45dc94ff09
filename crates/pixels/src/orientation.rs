//! Turning a decoded photo upright.

use image::metadata::Orientation;

/// Side of the squares that a transposition goes by, so that lines of both images stay in the processor's cache.
const TILE: usize = 32;

/// An image of `C` samples a pixel, row-major.
pub(crate) struct Pixels<const C: usize> {
    pub width: usize,
    pub height: usize,
    pub data: Vec<u8>,
}

impl<const C: usize> Pixels<C> {
    /// The image as `orientation` says that it is to be shown. Its data has `width * height * C` samples.
    pub fn upright(mut self, orientation: Orientation) -> Self {
        // Whether rows become columns, and whether the source is read from its right, from its bottom.
        let (transposed, from_right, from_bottom) = match orientation {
            Orientation::NoTransforms => return self,
            Orientation::FlipHorizontal => (false, true, false),
            Orientation::FlipVertical => (false, false, true),
            Orientation::Rotate180 => (false, true, true),
            Orientation::Rotate90 => (true, false, true),
            Orientation::Rotate270 => (true, true, false),
            Orientation::Rotate90FlipH => (true, false, false),
            Orientation::Rotate270FlipH => (true, true, true),
        };
        if !transposed {
            let (pixels, _) = self.data.as_chunks_mut::<C>();
            if from_bottom {
                pixels.reverse();
            }
            // Which has turned the lines around as well.
            if from_right != from_bottom {
                pixels.chunks_exact_mut(self.width).for_each(<[_]>::reverse);
            }
            return self;
        }
        let (pixels, _) = self.data.as_chunks::<C>();
        let mut data = vec![0; self.data.len()];
        let (upright, _) = data.as_chunks_mut::<C>();
        let (width, height) = (self.height, self.width);
        for (tile, lines) in upright.chunks_mut(TILE * width).enumerate() {
            for first in (0..width).step_by(TILE) {
                for (y, line) in lines.chunks_exact_mut(width).enumerate() {
                    let column = tile * TILE + y;
                    let column = if from_right { self.width - 1 - column } else { column };
                    let column = pixels[first * self.width + column..].iter().step_by(self.width);
                    let end = (first + TILE).min(width);
                    if from_bottom {
                        let part = &mut line[width - end..width - first];
                        part.iter_mut().rev().zip(column).for_each(|(pixel, from)| *pixel = *from);
                    } else {
                        line[first..end].iter_mut().zip(column).for_each(|(pixel, from)| *pixel = *from);
                    }
                }
            }
        }
        Self { width, height, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, GrayImage, RgbImage};

    #[test]
    fn every_orientation_is_the_image_crates() {
        for (width, height) in [(1, 1), (5, 3), (33, 70), (64, 31)] {
            let samples = |count| (0..count).map(|i| (i * 7 % 251) as u8).collect::<Vec<_>>();
            for number in 1..=8 {
                let orientation = Orientation::from_exif(number).unwrap();
                let (w, h) = (width as u32, height as u32);
                let data = samples(width * height * 3);
                let mut expected = DynamicImage::from(RgbImage::from_raw(w, h, data.clone()).unwrap());
                expected.apply_orientation(orientation);
                let upright = Pixels::<3> { width, height, data }.upright(orientation);
                assert_eq!(
                    (upright.width as u32, upright.height as u32),
                    (expected.width(), expected.height())
                );
                assert_eq!(upright.data, expected.as_bytes(), "{width}x{height}, {number}");

                let data = samples(width * height);
                let mut expected = DynamicImage::from(GrayImage::from_raw(w, h, data.clone()).unwrap());
                expected.apply_orientation(orientation);
                let upright = Pixels::<1> { width, height, data }.upright(orientation);
                assert_eq!(upright.data, expected.as_bytes(), "{width}x{height} grey, {number}");
            }
        }
    }
}
