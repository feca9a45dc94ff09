//! The steps of a recipe that change a photo at random and leave its size as it is.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Erasing, Moves, TimmAugment, auto_augment, erase, rand_augment};
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
            Augmentation::RandomErasing { .. } => "RandomErasing",
        }
    }

    /// Whether every value is one that photos can be changed by; if not, what is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Augmentation::RandomFlip { probability, .. } => check_probability(*probability),
            Augmentation::AutoAugment { .. } => Ok(()),
            Augmentation::RandAugment { magnitude, .. } => match magnitude {
                0.0..=20.0 => Ok(()),
                // Beyond 20 posterising would have to keep more than the 8 bits that there are.
                _ => Err(format!("magnitude must lie between 0 and 20, not be {magnitude}")),
            },
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
