//! The steps of a recipe that change a photo at random and leave its size as it is.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::hide::{cutout, hide, hide_and_seek, square};
use super::{
    Drawn, Erasing, Grid, Jitter, Mixture, Moves, Operation, Rotation, TimmAugment, auto_augment, erase,
    rand_augment, rand_augment_v2,
};
use crate::Rgb;
use crate::streams::Streams;

/// A step that changes a photo at random and leaves its size as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", deny_unknown_fields)]
pub enum Augmentation {
    /// Opposite sides exchanged: PaddleClas's `RandFlipImage`.
    RandomFlip {
        /// How often, from 0 to 1.
        probability: f64,
        /// Which sides.
        #[serde(default, skip_serializing_if = "Flip::is_horizontal")]
        sides: Flip,
    },
    /// One of ImageNet's 25 pairs of operations: `AutoAugment`, see [`crate::augment::auto_augment`].
    AutoAugment {
        /// Red, green and blue of what shears and translations bring in from outside.
        fill: [u8; 3],
    },
    /// Operations drawn one after the other: `RandAugment`, see [`crate::augment::rand_augment`].
    RandAugment {
        /// How many.
        layers: u32,
        /// How strong, from 0 to 20.
        magnitude: f64,
        /// Red, green and blue of what shears and translations bring in from outside.
        fill: [u8; 3],
    },
    /// Operations drawn as timm does: `TimmAutoAugment` with a setting that begins with `rand`.
    TimmAugment {
        /// How often, how many, how strong.
        augment: TimmAugment,
    },
    /// Operations drawn one after the other: `RandAugmentV2`, see [`crate::augment::rand_augment_v2`].
    RandAugmentV2 {
        /// How many.
        layers: u32,
        /// How strong, from 0 to 20.
        magnitude: f64,
        /// Red, green and blue of what comes in from outside, but with turns, which bring in grey.
        fill: [u8; 3],
    },
    /// Mixed with changed copies of itself: `AugMix`.
    AugMix {
        /// How often, and of what.
        mixture: Mixture,
    },
    /// Colours changed: `ColorJitter`.
    ColorJitter {
        /// How often, and by what.
        jitter: Jitter,
    },
    /// Turned into grey: `RandomGrayscale`.
    RandomGrey {
        /// How often, from 0 to 1.
        probability: f64,
    },
    /// Turned about the middle: `RandomRotation`.
    RandomRotation {
        /// How often, and by what.
        rotation: Rotation,
    },
    /// Squares overwritten: `Cutout`.
    Cutout {
        /// How many.
        holes: u32,
        /// Their side in pixels.
        length: u32,
        /// Red, green and blue of what is overwritten.
        fill: [u8; 3],
    },
    /// Every other patch of a grid overwritten: `HideAndSeek`.
    HideAndSeek {
        /// Red, green and blue of what is overwritten.
        fill: [u8; 3],
    },
    /// The stripes of a grid overwritten: `GridMask`.
    GridMask {
        /// How often, and which.
        grid: Grid,
        /// Red, green and blue of what is overwritten.
        fill: [u8; 3],
    },
    /// A rectangle overwritten: `RandomErasing`.
    RandomErasing {
        /// How often, and which.
        erasing: Erasing,
        /// Red, green and blue of what is overwritten.
        fill: [u8; 3],
    },
}

/// What a flip exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flip {
    /// Left and right: PaddleClas's `flip_code` 1.
    #[default]
    Horizontal,
    /// Top and bottom: `flip_code` 0.
    Vertical,
    /// Both, which is half a turn: `flip_code` -1.
    Both,
}

impl Flip {
    fn is_horizontal(&self) -> bool {
        *self == Flip::Horizontal
    }

    fn of(self, image: &Rgb) -> Rgb {
        match self {
            Flip::Horizontal => image.flip_horizontal(),
            Flip::Vertical => image.flip_vertical(),
            Flip::Both => image.flip_vertical().flip_horizontal(),
        }
    }
}

impl Augmentation {
    /// The operation's name, as it is written in a model file.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Augmentation::RandomFlip { .. } => "RandomFlip",
            Augmentation::AutoAugment { .. } => "AutoAugment",
            Augmentation::RandAugment { .. } => "RandAugment",
            Augmentation::TimmAugment { .. } => "TimmAugment",
            Augmentation::RandAugmentV2 { .. } => "RandAugmentV2",
            Augmentation::AugMix { .. } => "AugMix",
            Augmentation::ColorJitter { .. } => "ColorJitter",
            Augmentation::RandomGrey { .. } => "RandomGrey",
            Augmentation::RandomRotation { .. } => "RandomRotation",
            Augmentation::Cutout { .. } => "Cutout",
            Augmentation::HideAndSeek { .. } => "HideAndSeek",
            Augmentation::GridMask { .. } => "GridMask",
            Augmentation::RandomErasing { .. } => "RandomErasing",
        }
    }

    /// Whether every value is one that photos can be changed by; if not, what is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Augmentation::RandomFlip { probability, .. } | Augmentation::RandomGrey { probability } => {
                check_probability(*probability)
            }
            Augmentation::AutoAugment { .. }
            | Augmentation::Cutout { .. }
            | Augmentation::HideAndSeek { .. } => Ok(()),
            Augmentation::AugMix { mixture } => mixture.check(),
            Augmentation::ColorJitter { jitter } => jitter.check(),
            Augmentation::RandomRotation { rotation } => rotation.check(),
            Augmentation::GridMask { grid, .. } => grid.check(),
            Augmentation::RandAugment { magnitude, .. } | Augmentation::RandAugmentV2 { magnitude, .. } => {
                match magnitude {
                    0.0..=20.0 => Ok(()),
                    // Beyond 20 posterising would have to keep more than the 8 bits that there are.
                    _ => Err(format!("magnitude must lie between 0 and 20, not be {magnitude}")),
                }
            }
            Augmentation::TimmAugment { augment } => augment.check(),
            Augmentation::RandomErasing { erasing, .. } => erasing.check(),
        }
    }

    /// Carries the step out, with numbers from the streams of its kind.
    pub(crate) fn apply<'a>(&self, mut image: Cow<'a, Rgb>, streams: &mut Streams) -> Cow<'a, Rgb> {
        match *self {
            Augmentation::RandomFlip { probability, sides } => {
                if streams.flips.uniform() < probability {
                    return Cow::Owned(sides.of(&image));
                }
            }
            Augmentation::AutoAugment { fill } => {
                let moves = Moves::paddle_clas(fill);
                for operation in auto_augment(&mut streams.augmentations).into_iter().flatten() {
                    operation.apply(image.to_mut(), &moves);
                }
            }
            Augmentation::RandAugment { layers, magnitude, fill } => {
                let moves = Moves::paddle_clas(fill);
                for _ in 0..layers {
                    rand_augment(magnitude, &mut streams.augmentations).apply(image.to_mut(), &moves);
                }
            }
            Augmentation::TimmAugment { augment } => {
                for (operation, moves) in augment.operations(&mut streams.augmentations) {
                    operation.apply(image.to_mut(), &moves);
                }
            }
            Augmentation::RandAugmentV2 { layers, magnitude, fill } => {
                let moves = Moves::paddle_clas_v2(fill);
                for _ in 0..layers {
                    match rand_augment_v2(magnitude, &mut streams.augmentations) {
                        Drawn::Operation(operation) => operation.apply(image.to_mut(), &moves),
                        Drawn::Square(half) => {
                            let (width, height) = (image.width(), image.height());
                            // Here a middle may lie just beside the photo.
                            let y = streams.augmentations.below(height + 1);
                            let x = streams.augmentations.below(width + 1);
                            erase(image.to_mut(), square(width, height, half, (x, y)), [fill[0]; 3]);
                        }
                    }
                }
            }
            Augmentation::AugMix { mixture } => {
                let (width, height) = (image.width(), image.height());
                if let Some(drawn) = mixture.draw(width, height, &mut streams.augmentations) {
                    drawn.apply(image.to_mut());
                }
            }
            Augmentation::ColorJitter { jitter } => {
                let moves = Moves::paddle_clas([0; 3]);
                for operation in jitter.operations(&mut streams.colors) {
                    operation.apply(image.to_mut(), &moves);
                }
            }
            Augmentation::RandomGrey { probability } => {
                if streams.colors.uniform() < probability {
                    Operation::Grey.apply(image.to_mut(), &Moves::paddle_clas([0; 3]));
                }
            }
            Augmentation::RandomRotation { rotation } => {
                if let Some(degrees) = rotation.angle(&mut streams.turns) {
                    rotation.apply(image.to_mut(), degrees);
                }
            }
            Augmentation::Cutout { holes, length, fill } => {
                cutout(image.to_mut(), holes, length, fill, &mut streams.erasures);
            }
            Augmentation::HideAndSeek { fill } => {
                hide_and_seek(image.to_mut(), fill, &mut streams.erasures);
            }
            Augmentation::GridMask { grid, fill } => {
                if let Some(place) = grid.draw(streams.epoch, &mut streams.erasures) {
                    let mask = grid.mask(image.width(), image.height(), place);
                    hide(image.to_mut(), &mask, fill);
                }
            }
            Augmentation::RandomErasing { erasing, fill } => {
                let region = erasing.region(image.width(), image.height(), &mut streams.erasures);
                if let Some(region) = region {
                    erase(image.to_mut(), region, fill);
                }
            }
        }
        image
    }
}

/// In a few words, as for a line of a model's description.
impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Augmentation::RandomFlip { probability, sides } => {
                write!(f, "random flip ({probability}, {})", format!("{sides:?}").to_lowercase())
            }
            Augmentation::AutoAugment { .. } => f.write_str("AutoAugment"),
            Augmentation::RandAugment { layers, magnitude, .. } => {
                write!(f, "RandAugment ({layers}, {magnitude})")
            }
            Augmentation::TimmAugment { augment } => {
                write!(f, "timm's RandAugment ({}, {})", augment.layers, augment.magnitude)
            }
            Augmentation::RandAugmentV2 { layers, magnitude, .. } => {
                write!(f, "RandAugmentV2 ({layers}, {magnitude})")
            }
            Augmentation::AugMix { mixture } => write!(f, "AugMix ({})", mixture.probability),
            Augmentation::ColorJitter { jitter } => write!(f, "colour jitter ({})", jitter.probability),
            Augmentation::RandomGrey { probability } => write!(f, "grey ({probability})"),
            Augmentation::RandomRotation { rotation } => {
                let Rotation { probability, degrees: (least, greatest), .. } = rotation;
                write!(f, "turn by {least} to {greatest} degrees ({probability})")
            }
            Augmentation::Cutout { holes, length, .. } => write!(f, "Cutout ({holes}, {length})"),
            Augmentation::HideAndSeek { .. } => f.write_str("HideAndSeek"),
            Augmentation::GridMask { grid, .. } => write!(f, "GridMask ({})", grid.probability),
            Augmentation::RandomErasing { erasing, .. } => {
                write!(f, "random erasing ({})", erasing.probability)
            }
        }
    }
}

/// Whether something can happen so often; if not, what is wrong.
pub(super) fn check_probability(probability: f64) -> Result<(), String> {
    match probability {
        0.0..=1.0 => Ok(()),
        _ => Err(format!("probability must lie between 0 and 1, not be {probability}")),
    }
}
