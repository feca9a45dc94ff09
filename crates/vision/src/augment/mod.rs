//! Augmentation beyond crops and flips: Pillow's operations, to the bit, how PaddleClas and timm draw them, and
//! what is erased.

mod affine;
mod blend;
mod erase;
mod hide;
mod hue;
mod jitter;
mod lookup;
mod mixture;
mod policy;
mod step;
mod timm;
mod turn;

pub use affine::Filter;
pub use erase::Erasing;
use erase::erase;
pub use hide::{Grid, GridPlace};
pub use jitter::Jitter;
pub use mixture::{DrawnMixture, Mixture};
pub use policy::{Drawn, auto_augment, rand_augment, rand_augment_v2};
pub use step::{Augmentation, Flip};
pub use timm::TimmAugment;
pub use turn::Rotation;

use crate::Rgb;
use affine::Matrix;

/// How operations that move pixels make the new ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moves {
    shear: Filter,
    translate: Filter,
    rotate: Filter,
    fill: [u8; 3],
    fill_of_rotate: [u8; 3],
}

impl Moves {
    /// As PaddleClas's own policies do: only shears interpolate, and photos are turned on grey, whatever
    /// colour `fill` other moves bring in from outside.
    pub fn paddle_clas(fill: [u8; 3]) -> Moves {
        Moves {
            shear: Filter::Bicubic,
            translate: Filter::Nearest,
            rotate: Filter::Nearest,
            fill,
            fill_of_rotate: [128; 3],
        }
    }

    /// As PaddleClas's `RandAugmentV2` does: nothing interpolates.
    pub fn paddle_clas_v2(fill: [u8; 3]) -> Moves {
        Moves { shear: Filter::Nearest, ..Moves::paddle_clas(fill) }
    }

    /// As timm does: all with the same filter and colour.
    pub fn timm(fill: [u8; 3], filter: Filter) -> Moves {
        Moves { shear: filter, translate: filter, rotate: filter, fill, fill_of_rotate: fill }
    }
}

/// One operation on a photo, with its strength. None of them changes the photo's size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation {
    /// A pixel shows what was this many times its distance from the upper edge to its right.
    ShearX(f64),
    /// A pixel shows what was this many times its distance from the left edge below it.
    ShearY(f64),
    /// A pixel shows what was this share of the width to its right.
    TranslateX(f64),
    /// A pixel shows what was this share of the height below it.
    TranslateY(f64),
    /// A pixel shows what was so many pixels to its right.
    ShiftX(f64),
    /// A pixel shows what was so many pixels below it.
    ShiftY(f64),
    /// Turned counter-clockwise by so many degrees about the middle.
    Rotate(f64),
    /// Between the photo in grey (0) and the photo (1), or beyond.
    Color(f64),
    /// The hue turned by this share of the circle, from -0.5 to 0.5.
    Hue(f64),
    /// The photo in grey.
    Grey,
    /// So many leading bits of every byte kept, from 0 to 8.
    Posterize(u32),
    /// Bytes from this value on turned into their complements.
    Solarize(f64),
    /// So much added to bytes below 128, to at most 255.
    SolarizeAdd(u8),
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
    /// Carries the operation out.
    pub fn apply(self, image: &mut Rgb, moves: &Moves) {
        let Moves { shear, translate, rotate, fill, fill_of_rotate } = *moves;
        match self {
            Operation::ShearX(factor) => affine::transform(image, &Matrix::shear_x(factor), shear, fill),
            Operation::ShearY(factor) => affine::transform(image, &Matrix::shear_y(factor), shear, fill),
            Operation::TranslateX(share) => {
                Operation::ShiftX(share * f64::from(image.width())).apply(image, moves);
            }
            Operation::TranslateY(share) => {
                Operation::ShiftY(share * f64::from(image.height())).apply(image, moves);
            }
            Operation::ShiftX(pixels) => {
                affine::transform(image, &Matrix::translation(pixels, 0.0), translate, fill);
            }
            Operation::ShiftY(pixels) => {
                affine::transform(image, &Matrix::translation(0.0, pixels), translate, fill);
            }
            Operation::Rotate(degrees) => {
                let matrix = Matrix::rotation(degrees, image);
                affine::transform(image, &matrix, rotate, fill_of_rotate);
            }
            Operation::Color(factor) => blend::color(image, factor as f32),
            Operation::Hue(share) => hue::turn(image, share),
            Operation::Grey => blend::color(image, 0.0),
            Operation::Posterize(bits) => lookup::posterize(image, bits),
            Operation::Solarize(threshold) => lookup::solarize(image, threshold),
            Operation::SolarizeAdd(addend) => lookup::solarize_add(image, addend),
            Operation::Contrast(factor) => blend::contrast(image, factor as f32),
            Operation::Sharpness(factor) => blend::sharpness(image, factor as f32),
            Operation::Brightness(factor) => blend::brightness(image, factor as f32),
            Operation::AutoContrast => lookup::auto_contrast(image),
            Operation::Equalize => lookup::equalize(image),
            Operation::Invert => lookup::invert(image),
        }
    }
}
