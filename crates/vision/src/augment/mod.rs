//! What AutoAugment and RandAugment do to a photo: Pillow's operations, to the bit, and how PaddleClas draws
//! them.

mod affine;
mod blend;
mod erase;
mod lookup;
mod policy;

pub use erase::Erasing;
pub(crate) use erase::erase;
pub use policy::{auto_augment, rand_augment};

use crate::Rgb;
use affine::Along;

/// The colour that PaddleClas turns photos on, whatever other operations fill with.
const GREY: [u8; 3] = [128; 3];

/// One operation on a photo, with its strength. None of them changes the photo's size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation {
    /// A pixel shows what was this many times its height in the photo to its right, by bicubic interpolation.
    ShearX(f64),
    /// A pixel shows what was this many times its distance from the left edge below it, by bicubic
    /// interpolation.
    ShearY(f64),
    /// A pixel shows what was this share of the width to its right.
    TranslateX(f64),
    /// A pixel shows what was this share of the height below it.
    TranslateY(f64),
    /// Turned counter-clockwise by so many degrees about the middle, on grey.
    Rotate(f64),
    /// Between the photo in grey (0) and the photo (1), or beyond.
    Color(f64),
    /// So many leading bits of every byte kept, from 0 to 8.
    Posterize(u32),
    /// Bytes from this value on turned into their complements.
    Solarize(f64),
    /// Between the mean grey (0) and the photo (1), or beyond.
    Contrast(f64),
    /// Between the smoothed photo (0) and the photo (1), or beyond.
    Sharpness(f64),
    /// Between black (0) and the photo (1), or beyond.
    Brightness(f64),
    /// Each channel stretched from its least and greatest byte to 0 and 255.
    AutoContrast,
    /// Each channel's bytes spread so that all come about equally often.
    Equalize,
    /// All bytes turned into their complements.
    Invert,
}

impl Operation {
    /// Carries the operation out. `fill` is the colour of what a shear or a translation brings in from
    /// outside.
    pub fn apply(self, image: &mut Rgb, fill: [u8; 3]) {
        match self {
            Operation::ShearX(factor) => affine::shear(image, Along::X, factor, fill),
            Operation::ShearY(factor) => affine::shear(image, Along::Y, factor, fill),
            Operation::TranslateX(share) => {
                let pixels = share * f64::from(image.width());
                affine::translate(image, pixels, 0.0, fill);
            }
            Operation::TranslateY(share) => {
                let pixels = share * f64::from(image.height());
                affine::translate(image, 0.0, pixels, fill);
            }
            Operation::Rotate(degrees) => affine::rotate(image, degrees, GREY),
            Operation::Color(factor) => blend::color(image, factor as f32),
            Operation::Posterize(bits) => lookup::posterize(image, bits),
            Operation::Solarize(threshold) => lookup::solarize(image, threshold),
            Operation::Contrast(factor) => blend::contrast(image, factor as f32),
            Operation::Sharpness(factor) => blend::sharpness(image, factor as f32),
            Operation::Brightness(factor) => blend::brightness(image, factor as f32),
            Operation::AutoContrast => lookup::auto_contrast(image),
            Operation::Equalize => lookup::equalize(image),
            Operation::Invert => lookup::invert(image),
        }
    }
}
